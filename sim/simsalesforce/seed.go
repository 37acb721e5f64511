package simsalesforce

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// ErrNoRecord says that an id given to a helper or a control route is not in the org.
var ErrNoRecord = errors.New("no such record")

// seedOrg puts in what every org here begins with.
func (s *Sim) seedOrg() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, row := range []struct {
		object string
		fields map[string]any
	}{
		{"Organization", map[string]any{"Id": orgID, "Name": "Simulated org", "IsSandbox": false, "OrganizationType": "Developer Edition"}},
		{"User", map[string]any{"Id": UserID, "FirstName": "Ops", "LastName": "User", "Username": "ops@example.com", "Email": "ops@example.com",
			"IsActive": true, "Alias": "ops", "UserType": "Standard"}},
		{"User", map[string]any{"Id": OtherUserID, "FirstName": "Sales", "LastName": "User", "Username": "sales@example.com",
			"Email": "sales@example.com", "IsActive": true, "Alias": "sales", "UserType": "Standard"}},
		{"Account", map[string]any{"Id": AccountID, "Name": "Example Account"}},
		{"Opportunity", map[string]any{"Id": OpportunityOneID, "Name": "Example deal one", "StageName": "Prospecting"}},
		{"Opportunity", map[string]any{"Id": OpportunityTwoID, "Name": "Example deal two", "StageName": "Qualification"}},
		{"Opportunity", map[string]any{"Id": OpportunityThreeID, "Name": "Example deal three", "StageName": "Proposal"}},
	} {
		if row.object == "Opportunity" {
			row.fields["AccountId"], row.fields["CloseDate"] = AccountID, "2030-12-31"
		}
		if _, err := s.seed(row.object, row.fields); err != nil {
			panic(fmt.Errorf("simsalesforce: the seeded org is wrong: %w", err))
		}
	}
}

// fillStatuses makes the rows of LeadStatus and TaskStatus those of the behaviour.
func (s *Sim) fillStatuses() {
	for name, statuses := range map[string][]Status{"LeadStatus": s.behaviour.leadStatuses(), "TaskStatus": s.behaviour.taskStatuses()} {
		s.tables[name] = newTable()
		t, d := &tx{s: s}, defaultStatus(statuses)
		for i, st := range statuses {
			t.insert(s.adminSchema[strings.ToLower(name)], map[string]any{
				"ApiName": st.Name, "MasterLabel": st.Name, "IsDefault": st.Name == d, "SortOrder": int64(i + 1),
				"IsConverted": st.Closed, "IsClosed": st.Closed,
			})
		}
	}
}

// Seed puts a record into the org as its own people would: no rule refuses it and the operation
// log says nothing. Values are as in Record; system fields (CreatedDate, IsConverted, Id …) can be
// set too. It panics on an object or a field that the org does not have.
func (s *Sim) Seed(object string, fields map[string]any) (id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id, err := s.seed(object, fields)
	if err != nil {
		panic(fmt.Errorf("simsalesforce: Seed: %w", err))
	}
	return id
}

// Change sets fields of a record as the org's own people would: no rule refuses it and the operation log says nothing. ErrNoRecord if it is
// not there.
func (s *Sim) Change(object, id string, fields map[string]any) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(object, id)
	if err != nil {
		return err
	}
	obj := s.adminSchema[strings.ToLower(object)]
	row, err := seeded(obj, fields)
	if err != nil {
		return err
	}
	all := maps.Clone(r.Fields)
	for _, system := range []string{"LastModifiedDate", "LastModifiedById", "SystemModstamp"} {
		delete(all, system)
	}
	maps.Copy(all, row)
	s.derive(obj, all)
	(&tx{s: s}).set(r, all)
	return nil
}

func (s *Sim) seed(object string, fields map[string]any) (string, error) {
	obj := s.adminSchema[strings.ToLower(object)]
	if obj == nil {
		return "", fmt.Errorf("object %q is not known", object)
	}
	row, err := seeded(obj, fields)
	if err != nil {
		return "", err
	}
	s.derive(obj, row)
	t := &tx{s: s}
	id, _ := row["Id"].(string)
	if id == "" {
		return t.insert(obj, row).ID, nil
	}
	if s.tables[obj.name].byID[id] != nil {
		return "", fmt.Errorf("%s %s exists", obj.name, id)
	}
	return t.put(obj, id, row).ID, nil
}

// seeded are fields under the schema's names and in the form of stored values.
func seeded(obj *object, fields map[string]any) (map[string]any, error) {
	row := map[string]any{}
	for name, value := range fields {
		f, known := obj.field(name)
		if !known {
			return nil, fmt.Errorf("%s has no field %q", obj.name, name)
		}
		switch v := value.(type) {
		case int:
			value = int64(v)
		case float64: // how JSON brings whole numbers
			if f.kind == "int" {
				value = int64(v)
			}
		case string:
			if full, isID := normaliseID(v); isID && (f.kind == "id" || f.kind == "reference") {
				value = full
			}
		}
		row[f.name] = value
	}
	return row, nil
}

// Records is a copy of all rows of an object, deleted ones too, in order of creation.
func (s *Sim) Records(object string) []Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []Record{}
	if obj := s.adminSchema[strings.ToLower(object)]; obj != nil {
		for _, r := range s.tables[obj.name].rows {
			out = append(out, copyRecord(r))
		}
	}
	return out
}

// find is a row that is not deleted.
func (s *Sim) find(object, id string) (*Record, error) {
	full, _ := normaliseID(id)
	if obj := s.adminSchema[strings.ToLower(object)]; obj != nil {
		if r := s.tables[obj.name].byID[full]; r != nil && !r.Deleted {
			return r, nil
		}
	}
	return nil, fmt.Errorf("%s %q: %w", object, id, ErrNoRecord)
}

// Delete puts a record into the recycle bin, as one of the org's people would. ErrNoRecord if it
// is not there.
func (s *Sim) Delete(object, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(object, id)
	if err != nil {
		return err
	}
	(&tx{s: s}).remove(r)
	return nil
}

// Converted are the records that a converted lead became.
type Converted struct {
	ContactID     string `json:"contact_id"`
	AccountID     string `json:"account_id"`
	OpportunityID string `json:"opportunity_id"`
}

// ConvertLead does what the Convert button does: an account, a contact and an opportunity are
// made, the lead becomes read-only, and its tasks move to the contact. ErrNoRecord if there is no
// such lead.
func (s *Sim) ConvertLead(leadID string) (Converted, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	lead, err := s.find("Lead", leadID)
	if err != nil {
		return Converted{}, err
	}
	made := Converted{}
	for _, row := range []struct {
		object string
		into   *string
		fields map[string]any
	}{
		{"Account", &made.AccountID, map[string]any{"Name": lead.Fields["Company"]}},
		{"Contact", &made.ContactID, map[string]any{"LastName": lead.Fields["LastName"], "FirstName": lead.Fields["FirstName"], "Email": lead.Fields["Email"]}},
		{"Opportunity", &made.OpportunityID, map[string]any{"Name": lead.str("Company") + "-", "StageName": "Prospecting", "CloseDate": "2030-12-31"}},
	} {
		if row.object != "Account" {
			row.fields["AccountId"] = made.AccountID
		}
		if *row.into, err = s.seed(row.object, row.fields); err != nil {
			return Converted{}, fmt.Errorf("convert lead %s: %w", leadID, err)
		}
	}
	t := &tx{s: s}
	for _, task := range s.tables["Task"].live("WhoId", lead.ID) {
		t.set(task, map[string]any{"WhoId": made.ContactID, "AccountId": made.AccountID})
	}
	status := lead.Fields["Status"]
	for _, st := range slices.Backward(s.behaviour.leadStatuses()) {
		if st.Closed {
			status = st.Name
		}
	}
	t.set(lead, map[string]any{
		"IsConverted": true, "Status": status, "ConvertedDate": s.core.Clock.Now().Format(dateLayout),
		"ConvertedAccountId": made.AccountID, "ConvertedContactId": made.ContactID, "ConvertedOpportunityId": made.OpportunityID,
	})
	return made, nil
}
