package salesforce

import (
	"regexp"
	"slices"
	"strings"

	"crm-connectors/connectors"
)

// Where an error has no list of fields, its message names them.
var (
	noColumn   = regexp.MustCompile(`(?m)^No such column '([A-Za-z0-9_.]{1,100})'`)
	notAllowed = regexp.MustCompile(`^Unable to create/update fields: ([A-Za-z0-9_, ]{1,500})\.`)
)

// objectIn is the object whose records a route below /services/data/vNN.0 writes; "" for other routes.
func objectIn(route string) string {
	rest, is := strings.CutPrefix(route, "/sobjects/")
	if !is {
		return ""
	}
	object, _, _ := strings.Cut(rest, "/")
	return object
}

// about are the fields of object that an error speaks of, such as Lead.Region__c, in its order.
func (it refusalItem) about(object string) []string {
	fields := slices.DeleteFunc(slices.Clone(it.Fields), func(f string) bool { return f == "" })
	if len(fields) == 0 {
		if m := noColumn.FindStringSubmatch(it.Message); m != nil {
			fields = []string{m[1]}
		} else if m := notAllowed.FindStringSubmatch(it.Message); m != nil {
			fields = strings.Split(m[1], ", ")
		}
	}
	for i, f := range fields {
		if f = connectors.Quote(f); object != "" {
			f = object + "." + f
		}
		fields[i] = f
	}
	return fields
}

// naming puts the names of fields into an action.
func naming(action string, fields []string) string {
	names := "the field"
	if len(fields) > 0 {
		names = strings.Join(fields, ", ")
	}
	return strings.ReplaceAll(action, "{fields}", names)
}
