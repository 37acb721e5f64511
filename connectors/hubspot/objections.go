package hubspot

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

const maxPropertyText = 65_536

// objection is why HubSpot would refuse a default value for the property of that name, with what it would take where that is a list;
// empty: it would take it. The zero property is one that the portal does not have.
func (p property) objection(typ, name string, value any) (string, []string) {
	text, plain := propertyText(value)
	switch {
	case name == markerProperty:
		return "The property " + name + " is the service's own: leave it out.", nil
	case p.Name == "":
		return fmt.Sprintf("The portal's %s have no property %s: use the internal name that HubSpot's settings show.", typ, name), nil
	case !p.writable():
		return fmt.Sprintf("HubSpot fills the property %s itself: leave it out.", name), nil
	case !plain:
		return fmt.Sprintf("The default for %s must be a text, a number or true or false.", name), nil
	case text == "":
		return fmt.Sprintf("The default for %s is empty: give it a value or leave it out.", name), nil
	}
	return p.objectionTo(text)
}

// objectionTo judges a text by the property's type.
func (p property) objectionTo(text string) (string, []string) {
	ok, wants := true, ""
	switch p.Type {
	case "number":
		_, err := strconv.ParseFloat(text, 64)
		ok, wants = err == nil, "a number, with a point and without separators"
	case "bool":
		if options := p.values(); len(options) > 0 {
			return p.outside(text, options)
		}
		return p.outside(text, []string{"true", "false"})
	case "enumeration":
		if options := p.values(); !p.External && len(options) > 0 {
			return p.outside(text, options)
		}
	case "date", "datetime":
		ok, wants = p.isTime(text), "a date such as 2026-11-30, a time such as 2026-11-30T15:00:00Z, or Unix milliseconds"
	default:
		ok, wants = units(text) <= maxPropertyText, fmt.Sprintf("at most %d characters long", maxPropertyText)
	}
	if ok {
		return "", nil
	}
	return fmt.Sprintf("The property %s must be %s.", p.Name, wants), nil
}

// outside names the options, if the text is none of them.
func (p property) outside(text string, options []string) (string, []string) {
	chosen := []string{text}
	if p.manyOf() {
		chosen = strings.Split(text, ";")
	}
	for _, one := range chosen {
		if !slices.Contains(options, one) {
			return fmt.Sprintf("The property %s does not have the option “%s”: use the internal value of one that it has.", p.Name, one), options
		}
	}
	return "", nil
}

func (p property) isTime(text string) bool {
	layouts := []string{time.DateOnly}
	if p.Type == "datetime" {
		layouts = append(layouts, time.RFC3339Nano)
	}
	for _, layout := range layouts {
		if _, err := time.Parse(layout, text); err == nil {
			return true
		}
	}
	_, err := strconv.ParseInt(text, 10, 64)
	return err == nil
}
