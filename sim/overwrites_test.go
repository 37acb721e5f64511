package sim

import "testing"

func TestAnUpdateMayNotBlankPretendOrChangeAnAddress(t *testing.T) {
	t.Parallel()
	type fields = map[string]string
	for name, tc := range map[string]struct {
		object      string
		op          Op
		fields, was fields
		wrong       bool
	}{
		"a new phone over an old one":              {"contacts", OpUpdate, fields{"phone": "2"}, fields{"phone": "1"}, false},
		"a blank over something":                   {"contacts", OpUpdate, fields{"phone": ""}, fields{"phone": "1"}, true},
		"a blank over nothing":                     {"Lead", OpUpdate, fields{"Phone": " "}, nil, true},
		"a blank of a task":                        {"tasks", OpUpdate, fields{"hs_task_body": ""}, nil, true},
		"another address":                          {"contacts", OpUpdate, fields{"email": "b@example.com"}, fields{"email": "a@example.com"}, true},
		"another address of a lead":                {"Lead", OpUpdate, fields{"Email": "b@example.com"}, fields{"Email": "a@example.com"}, true},
		"the same address":                         {"contacts", OpUpdate, fields{"email": "A@example.com"}, fields{"email": "a@example.com"}, false},
		"a first address":                          {"contacts", OpUpdate, fields{"email": "a@example.com"}, nil, false},
		"additional addresses":                     {"contacts", OpUpdate, fields{"hs_additional_emails": "b@example.com"}, fields{"hs_additional_emails": "a@example.com"}, true},
		"a placeholder over a name":                {"Lead", OpUpdate, fields{"LastName": "Unknown"}, fields{"LastName": "Byron"}, true},
		"a placeholder over nothing":               {"contacts", OpUpdate, fields{"company": "[not provided]"}, nil, true},
		"a placeholder that was there":             {"Lead", OpUpdate, fields{"LastName": "Unknown"}, fields{"LastName": "Unknown"}, false},
		"a name over a placeholder":                {"Lead", OpUpdate, fields{"LastName": "Byron"}, fields{"LastName": "Unknown"}, false},
		"a question mark":                          {"contacts", OpUpdate, fields{"lastname": "?"}, nil, true},
		"a priority that is called none":           {"tasks", OpUpdate, fields{"hs_task_priority": "NONE"}, nil, false},
		"a placeholder of a new lead":              {"Lead", OpCreate, fields{"LastName": "Unknown"}, nil, false},
		"a name that begins as a placeholder does": {"Lead", OpUpdate, fields{"LastName": "Nakamura"}, nil, false},
	} {
		got := Overwrites([]Entry{{Op: tc.op, Object: tc.object, Fields: tc.fields, Was: tc.was}})
		if (len(got) > 0) != tc.wrong {
			t.Errorf("%s: got %q, want that it is wrong: %t", name, got, tc.wrong)
		}
	}
}
