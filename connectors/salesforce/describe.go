package salesforce

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"crm-connectors/connectors"
)

// definition is an object as the connected user sees it: what field-level security hides is not there.
type definition struct {
	Createable bool              `json:"createable"`
	Updateable bool              `json:"updateable"`
	Fields     []fieldDefinition `json:"fields"`
}

// fieldDefinition is what Salesforce's describe says of one field.
type fieldDefinition struct {
	Name               string      `json:"name"`
	Label              string      `json:"label"`
	Type               string      `json:"type"`
	Length             int         `json:"length"`
	Createable         bool        `json:"createable"`
	Updateable         bool        `json:"updateable"`
	Nillable           bool        `json:"nillable"`
	DefaultedOnCreate  bool        `json:"defaultedOnCreate"`
	Unique             bool        `json:"unique"`
	ExternalID         bool        `json:"externalId"`
	RestrictedPicklist bool        `json:"restrictedPicklist"`
	PicklistValues     []pickValue `json:"picklistValues"`
}

// pickValue is one entry of a picklist.
type pickValue struct {
	Value   string `json:"value"`
	Label   string `json:"label"`
	Active  bool   `json:"active"`
	Default bool   `json:"defaultValue"`
}

// field finds a field by its API name, whose case Salesforce ignores.
func (d definition) field(name string) (fieldDefinition, bool) {
	for _, f := range d.Fields {
		if strings.EqualFold(f.Name, name) {
			return f, true
		}
	}
	return fieldDefinition{}, false
}

// describe is the object's definition, read once an hour for a session: another user of the org may see other fields.
func (st *step) describe(ctx context.Context, object string) (definition, *connectors.Error) {
	return st.c.definitions.orFetch(ctx, st.definitionKey(object), func(ctx context.Context) (definition, *connectors.Error) {
		return st.readDefinition(ctx, object)
	})
}

// describeNow is the definition as it is at this moment, for somebody who has just changed it; describe gives the same from then on.
func (st *step) describeNow(ctx context.Context, object string) (definition, *connectors.Error) {
	d, err := st.readDefinition(ctx, object)
	if err == nil {
		st.c.definitions.put(st.definitionKey(object), d)
	}
	return d, err
}

func (st *step) definitionKey(object string) string {
	session := sha256.Sum256([]byte(st.account.AccessToken.Reveal()))
	return st.org() + "|" + hex.EncodeToString(session[:]) + "|" + object
}

func (st *step) readDefinition(ctx context.Context, object string) (definition, *connectors.Error) {
	path := "/sobjects/" + object + "/describe"
	reply, err := st.call(ctx, connectors.Read, http.MethodGet, path, path, nil)
	if err != nil {
		return definition{}, err
	}
	var d definition
	if err := json.Unmarshal(reply.Body, &d); err != nil {
		return definition{}, unreadable(connectors.Read, reply.Status, err)
	}
	if len(d.Fields) == 0 { // every object has an Id
		return definition{}, unreadable(connectors.Read, reply.Status, errors.New("a definition without fields"))
	}
	return d, nil
}
