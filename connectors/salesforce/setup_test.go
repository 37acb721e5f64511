package salesforce

import (
	"encoding/xml"
	"os"
	"path/filepath"
	"testing"
)

// What the documentation lets an administrator deploy is what a probe looks for.
func TestTheFieldsToDeployAreThoseThatAProbeWants(t *testing.T) {
	t.Parallel()
	for _, object := range []string{"Activity", typeLead} {
		text, err := os.ReadFile(filepath.Join("..", "..", "docs", "salesforce", "fields", "objects", object, "fields", markerField+".field-meta.xml"))
		if err != nil {
			t.Fatal(err)
		}
		var f struct {
			XMLName    xml.Name `xml:"CustomField"`
			FullName   string   `xml:"fullName"`
			Label      string   `xml:"label"`
			Type       string   `xml:"type"`
			Length     int      `xml:"length"`
			ExternalID bool     `xml:"externalId"`
			Unique     bool     `xml:"unique"`
			Required   bool     `xml:"required"`
		}
		if err := xml.Unmarshal(text, &f); err != nil {
			t.Fatal(err)
		}
		if f.FullName != markerField || f.Label != markerLabel || f.Type != "Text" || f.Length != markerLength || !f.ExternalID || !f.Unique || f.Required {
			t.Errorf("%s: %+v", object, f)
		}
	}
}
