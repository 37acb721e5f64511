package salesforce

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"crm-connectors/connectors"
)

// noAssignment keeps the org's assignment rules away from our leads: without it they also run on
// updates, and a harmless PATCH takes a lead away from its owner.
var noAssignment = [2]string{"Sforce-Auto-Assign", "FALSE"}

// newLead is what an outcome says about a lead that is to be made. Email goes into no other body.
type newLead struct {
	Email string `json:"Email"`
	fields
}

// contact brings a person to Salesforce and says which record they are.
func (st *step) contact(ctx context.Context, c connectors.Contact) (connectors.Ref, connectors.Outcome, *connectors.Error) {
	email := strings.TrimSpace(c.Email)
	switch {
	case email == "":
		return connectors.Ref{}, "", rejected("email_missing", "The contact has no email address, by which Salesforce could be searched.", doMendData)
	case units(email) > maxEmail:
		return connectors.Ref{}, "", rejected("email_too_long",
			fmt.Sprintf("The email address has more than the %d characters that Salesforce stores.", maxEmail), doMendData)
	}
	want := st.fieldsOf(c)
	if st.write.Found.ID != "" {
		return st.completePerson(ctx, want)
	}
	if p := st.people[emailKey(email)]; st.planning && p.written {
		return p.ref, connectors.Updated, st.refill(ctx, email, p, want)
	}
	p, outcome, err := st.updateKnown(ctx, want)
	if p.ref.ID == "" && err == nil {
		p, outcome, err = st.upsert(ctx, email, want)
	}
	if moved(err) { // since the lookup
		p, outcome, err = st.upsert(ctx, email, want)
	}
	p.unsettled, p.written = err != nil && err.Class != connectors.ClassRejected, err == nil
	st.people[emailKey(email)] = p
	if err != nil {
		return connectors.Ref{}, "", err
	}
	return p.ref, outcome, nil
}

// moved says that a record is not where it was known to be: somebody converted, merged or deleted it.
func moved(err *connectors.Error) bool {
	_, gone := refused(err, "CANNOT_UPDATE_CONVERTED_LEAD", "ENTITY_IS_DELETED", "NOT_FOUND", "INVALID_CROSS_REFERENCE_KEY")
	return gone || err != nil && err.Status == http.StatusNotFound
}

// changes is what of want may be written to a record that exists, as far as the settings allow.
func (st *step) changes(want fields) fields {
	if st.account.Settings.Contacts == connectors.ContactsCreateOnly {
		return fields{}
	}
	return want
}

// updateKnown writes to the record that the address was a short while ago, without a look. Nobody without an error says that there is no
// such record, or not any more.
func (st *step) updateKnown(ctx context.Context, want fields) (person, connectors.Outcome, *connectors.Error) {
	ref := knownPerson(st.write.ContactRef)
	if !st.write.ContactKnown || ref.ID == "" {
		return person{}, "", nil
	}
	outcome, err := st.fill(ctx, ref, st.changes(want))
	switch {
	case moved(err):
		return person{}, "", nil
	case err != nil:
		return person{}, "", err
	}
	p := person{ref: ref, holds: want}
	if ref.Type == typeContact {
		p.contact = ref.ID
	}
	return p, outcome, nil
}

// upsert looks up and writes once.
func (st *step) upsert(ctx context.Context, email string, want fields) (person, connectors.Outcome, *connectors.Error) {
	f, err := st.lookup(ctx, email, st.changes(want))
	if err != nil {
		return person{}, "", err
	}
	p, missing := st.choose(f, want)
	if p.ref.ID == "" {
		return st.newPerson(ctx, email, want)
	}
	outcome, err := st.fill(ctx, p.ref, missing)
	return p, outcome, err
}

// choose says who of those that were found is meant, and what is to be written to their record; nobody: a new one is to be made.
func (st *step) choose(f found, want fields) (p person, missing fields) {
	change := st.changes(want)
	p = st.met(f)
	switch {
	case len(f.leads) > 0 && f.isOwn(f.leads[0]):
		p.holds = want // and perhaps what somebody has changed since, which stays
		return p, fields{}
	case len(f.leads) > 0:
		p.holds, missing = change.over(f.leads[0].fields), change.missing(f.leads[0].fields)
	case len(f.contacts) > 0:
		p.holds, missing = change.over(f.contacts[0].fields), change.missing(f.contacts[0].fields)
	case p.ref.ID != "":
		p.holds = want // a contact by conversion alone: it has another address now, so it is left as it is
	case len(f.own) > 0:
		return st.ownLead(f.own[0], want), fields{}
	}
	return p, missing
}

// refill is a second write to a person whom this plan has written already, and whom a lookup would
// still show as before.
func (st *step) refill(ctx context.Context, email string, p person, want fields) *connectors.Error {
	change := st.changes(want)
	_, err := st.fill(ctx, p.ref, change.missing(p.holds))
	p.holds = change.over(p.holds)
	st.people[emailKey(email)] = p
	return err
}

// fill writes what is missing to a record that exists. Nothing missing means no call.
func (st *step) fill(ctx context.Context, ref connectors.Ref, missing fields) (connectors.Outcome, *connectors.Error) {
	missing = missing.on(ref.Type)
	switch {
	case missing == (fields{}):
		return connectors.Unchanged, nil
	case ref.Type == typeLead:
		return connectors.Updated, st.update(ctx, ref, missing, noAssignment)
	}
	return connectors.Updated, st.update(ctx, ref, missing)
}

// leadBody is a new lead: what the outcome says, then the settings' defaults, then a name and a company that stand for what nobody knows.
func (st *step) leadBody(ctx context.Context, email string, want fields) (map[string]any, *connectors.Error) {
	body, encoding := completed(st.defaults(connectors.ObjectContact), newLead{Email: email, fields: want})
	if encoding != nil {
		return nil, rejected("write_invalid", "The write could not be encoded.", doTellUs)
	}
	if !setsField(body, "LastName") {
		body["LastName"] = st.c.cfg.FallbackLastName
	}
	if !setsField(body, "Company") {
		needed, err := st.companyNeeded(ctx)
		if err != nil {
			return nil, err
		}
		if needed {
			body["Company"] = st.c.cfg.FallbackCompany
		}
	}
	return body, nil
}

// companyNeeded tells whether a lead must have a company. In an org with person accounts it need not, and one that is made up would turn a
// private person into a business when the lead is converted.
func (st *step) companyNeeded(ctx context.Context) (bool, *connectors.Error) {
	d, err := st.describe(ctx, typeLead)
	switch {
	case err != nil && err.Class != connectors.ClassRejected:
		return false, err
	case err != nil:
		return true, nil //nolint:nilerr // an org that does not show its definitions is taken for an ordinary one
	}
	f, there := d.field("Company")
	return !there || !f.Nillable, nil
}

// newPerson creates a minimal lead, or uses the record that a duplicate rule of the org names.
func (st *step) newPerson(ctx context.Context, email string, want fields) (person, connectors.Outcome, *connectors.Error) {
	if off := st.creationOff(); off != nil {
		return person{}, "", off
	}
	body, err := st.leadBody(ctx, email, want)
	if err != nil {
		return person{}, "", err
	}
	m, err := st.makeLead(ctx, body)
	switch {
	case err == nil && len(m.earlier) > 0:
		return st.ownLead(m.earlier[0], want), connectors.Unchanged, nil
	case err == nil:
		return person{ref: connectors.Ref{Type: typeLead, ID: m.id}, holds: want}, m.outcome, nil
	}
	item, duplicate := refused(err, "DUPLICATES_DETECTED")
	if !duplicate {
		return person{}, "", err
	}
	return st.useDuplicate(ctx, item.matches(), want, err)
}
