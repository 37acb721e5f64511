package salesforce

import (
	"fmt"

	"crm-connectors/connectors"
)

// fields are what an outcome may say about a person, under Salesforce's names. Lead has all of them,
// Contact all but Company. Empty ones are left out of what is sent.
type fields struct {
	FirstName string `json:"FirstName,omitempty"`
	LastName  string `json:"LastName,omitempty"`
	Company   string `json:"Company,omitempty"`
	Phone     string `json:"Phone,omitempty"`
	Title     string `json:"Title,omitempty"`
}

// names lists the fields that have a value and exist on object.
func (f fields) names(object string) []string {
	var out []string
	for _, n := range []struct{ name, value string }{{"FirstName", f.FirstName}, {"LastName", f.LastName},
		{"Company", f.Company}, {"Phone", f.Phone}, {"Title", f.Title}} {
		if n.value != "" && (n.name != "Company" || object == typeLead) {
			out = append(out, n.name)
		}
	}
	return out
}

// missing is what f says and have does not.
func (f fields) missing(have fields) fields {
	for _, p := range []struct {
		mine   *string
		theirs string
	}{{&f.FirstName, have.FirstName}, {&f.LastName, have.LastName}, {&f.Company, have.Company},
		{&f.Phone, have.Phone}, {&f.Title, have.Title}} {
		if *p.mine == p.theirs {
			*p.mine = ""
		}
	}
	return f
}

// over is f with the gaps filled from have.
func (f fields) over(have fields) fields {
	setDefault(&f.FirstName, have.FirstName)
	setDefault(&f.LastName, have.LastName)
	setDefault(&f.Company, have.Company)
	setDefault(&f.Phone, have.Phone)
	setDefault(&f.Title, have.Title)
	return f
}

// on is f as far as object has its fields.
func (f fields) on(object string) fields {
	if object == typeContact {
		f.Company = ""
	}
	return f
}

// fieldsOf takes the outcome's words in the form that Salesforce stores them, and notes what had to be cut.
func (st *step) fieldsOf(c connectors.Contact) fields {
	f := fields{
		FirstName: st.cut("FirstName", oneLine(c.FirstName), maxFirstName),
		LastName:  st.cut("LastName", oneLine(c.LastName), maxLastName),
		Company:   st.cut("Company", oneLine(c.Company), maxCompany),
		Title:     st.cut("Title", oneLine(c.JobTitle), maxTitle),
		Phone:     oneLine(c.Phone),
	}
	if units(f.Phone) > maxPhone { // half a number is worse than none
		f.Phone = ""
		st.note("field_dropped", fmt.Sprintf("Phone was left out: it has more than the %d characters that Salesforce stores.", maxPhone))
	}
	return f
}
