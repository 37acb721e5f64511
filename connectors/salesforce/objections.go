package salesforce

import (
	"fmt"
	"math"
	"net/mail"
	"slices"
	"strings"
	"time"

	"crm-connectors/connectors"
)

// required says that a new record must have a value here and that Salesforce gives none by itself. What page layouts and validation
// rules ask for is nowhere to be read.
func (f fieldDefinition) required() bool {
	return f.Createable && !f.Nillable && !f.DefaultedOnCreate && f.Type != "boolean"
}

// active are the values of a picklist that may be chosen.
func (f fieldDefinition) active() []string {
	var out []string
	for _, v := range f.PicklistValues {
		if v.Active {
			out = append(out, v.Value)
		}
	}
	return out
}

// ownFields are those that the service sets itself, by the object that they are of.
var ownFields = map[string][]string{typeLead: {"Email", markerField}, typeTask: {"WhoId", "WhatId", markerField}}

// objection is why Salesforce would refuse a default value for the field of that name, with what it would take where that is a list;
// empty: it would take it.
func (d definition) objection(object, name string, value any) (string, []string) {
	f, exists := d.field(name)
	label := object + "." + name
	switch {
	case slices.ContainsFunc(ownFields[object], func(own string) bool { return strings.EqualFold(own, name) }):
		return "The service sets " + label + " itself: leave it out.", nil
	case !exists:
		return fmt.Sprintf("There is no field %s that the connected user can see: use the API name of a field, or ask a Salesforce admin to give the integration user access to it.", label), nil
	case !f.Createable:
		return fmt.Sprintf("The connected user may not set %s: ask a Salesforce admin to give the integration user edit access to it, or leave it out.", label), nil
	case value == "":
		return fmt.Sprintf("The default for %s is empty: give it a value or leave it out.", label), nil
	}
	return f.objectionTo(label, value)
}

// objectionTo judges a value by the field's type.
func (f fieldDefinition) objectionTo(label string, value any) (string, []string) {
	text, isText := value.(string)
	number, isNumber := value.(float64)
	var ok bool
	var wants string
	switch f.Type {
	case "boolean":
		_, ok = value.(bool)
		wants = "true or false"
	case "int":
		ok, wants = isNumber && number == math.Trunc(number), "a whole number"
	case "double", "currency", "percent", "long":
		ok, wants = isNumber, "a number"
	case "date":
		ok, wants = isText && isTime(text, time.DateOnly), "a date such as 2026-11-30"
	case "datetime":
		ok, wants = isText && isTime(text, time.RFC3339), "a time such as 2026-11-30T15:00:00Z"
	case "reference":
		_, ok = canonicalID(text)
		wants = "the id of a record, of 15 or 18 characters"
	case "email":
		at, err := mail.ParseAddress(text)
		ok, wants = err == nil && at.Address == text && units(text) <= f.Length, fmt.Sprintf("an email address of at most %d characters", f.Length)
	case "address", "location", "base64", "anyType", "complexvalue", "id", "time":
		ok, wants = false, "left out: a field of this kind cannot have a default"
	default:
		ok, wants = isText && (f.Length == 0 || units(text) <= f.Length), fmt.Sprintf("a text of at most %d characters", f.Length)
	}
	if !ok {
		return fmt.Sprintf("The default for %s must be %s.", label, wants), nil
	}
	if !f.RestrictedPicklist {
		return "", nil
	}
	chosen := []string{text}
	if f.Type == "multipicklist" {
		chosen = strings.Split(text, ";")
	}
	for _, one := range chosen {
		if own := f.active(); !slices.Contains(own, one) {
			return fmt.Sprintf("The picklist %s does not have the value “%s”: use one that it has.", label, connectors.Quote(one)), own
		}
	}
	return "", nil
}

func isTime(text, layout string) bool {
	_, err := time.Parse(layout, text)
	return err == nil
}
