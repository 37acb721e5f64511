package simsalesforce

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// quote is the client's side of a string literal, written from Salesforce's table of escapes.
func quote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\n", `\n`, "\r", `\r`, "\t", `\t`, "\b", `\b`, "\f", `\f`).Replace(s) + "'"
}

// people is an org with five leads; the names are what queries below are checked by.
func people(t *testing.T) *org {
	o := newOrg(t, Behaviour{})
	for i, row := range []map[string]any{
		{"LastName": "Ada", "Company": "One", "Email": "ada@example.com", "Rating": "Hot", "NumberOfEmployees": 10},
		{"LastName": "Bob", "Company": "Two", "Email": "BOB@example.com", "Rating": "Cold", "NumberOfEmployees": 20, "IsConverted": true},
		{"LastName": "Cy", "Company": "O'Neil \\ Co", "Email": "cy_1@example.com", "NumberOfEmployees": 30},
		{"LastName": "Di", "Company": "100% Co", "Email": "cyx1@example.com", "ConvertedDate": "2026-11-23"},
		{"LastName": "Ed", "Company": "Five", "Rating": "Hot"},
	} {
		row["CreatedDate"] = fmt.Sprintf("2026-11-2%dT10:00:00.000+0000", i)
		row["Id"] = makeID("00Q", int64(i+1))
		o.Seed("Lead", row)
	}
	return o
}

func TestConditionsSelectRows(t *testing.T) {
	t.Parallel()
	o := people(t)
	for where, want := range map[string]string{
		`Email = 'ada@example.com'`:                                     "Ada",
		`Email = 'ADA@Example.COM'`:                                     "Ada",
		`email='bob@example.com' and isconverted=TRUE`:                  "Bob",
		`Email != 'ada@example.com'`:                                    "Bob Cy Di Ed",
		`Email <> 'ada@example.com'`:                                    "Bob Cy Di Ed",
		`Email = null`:                                                  "Ed",
		`Email != null`:                                                 "Ada Bob Cy Di",
		`Email IN ('ada@example.com', 'x', 'bob@example.com')`:          "Ada Bob",
		`Email IN ('ada@example.com', null)`:                            "Ada Ed",
		`Email NOT IN ('ada@example.com','bob@example.com')`:            "Cy Di Ed",
		`Email LIKE 'cy_1@%'`:                                           "Cy Di",
		`Email LIKE 'CY\_1@%'`:                                          "Cy",
		`Company LIKE '%\%%'`:                                           "Di",
		`Company LIKE '%\\%'`:                                           "Cy",
		`Company = 'O\'Neil \\ Co'`:                                     "Cy",
		`Company = '\u0054wo'`:                                          "Bob",
		`NumberOfEmployees > 10`:                                        "Bob Cy",
		`NumberOfEmployees >= 20 AND NumberOfEmployees < 30`:            "Bob",
		`NumberOfEmployees <= 10.5`:                                     "Ada",
		`CreatedDate > 2026-11-22T10:00:00Z`:                            "Di Ed",
		`CreatedDate >= 2026-11-22T12:00:00.000+02:00`:                  "Cy Di Ed",
		`CreatedDate < 2026-11-20T10:00:00.500-0000`:                    "Ada",
		`ConvertedDate = 2026-11-23`:                                    "Di",
		`IsConverted = false AND (Rating = 'Hot' OR Company = 'Two')`:   "Ada Ed",
		`Rating = 'Hot' OR Company = 'Two' OR LastName = 'Cy'`:          "Ada Bob Cy Ed",
		`NOT Rating = 'Hot'`:                                            "Bob Cy Di",
		`(NOT (Rating = 'Hot' OR Rating = 'Cold')) AND Email != null`:   "Cy Di",
		`Id = '` + makeID("00Q", 1)[:15] + `'`:                          "Ada",
		`Id IN ('` + makeID("00Q", 2) + `','` + makeID("00Q", 1) + `')`: "Ada Bob",
		`LastName > 'cy'`:                                               "Di Ed",
		`OwnerId = '` + UserID + `' AND Email LIKE '%'`:                 "Ada Bob Cy Di",
	} {
		rows, code := o.query("SELECT LastName FROM Lead WHERE " + where)
		if got := lastNames(rows); got != want || code != "" {
			t.Errorf("%s: got %q %s, want %q", where, got, code, want)
		}
	}
}

func lastNames(rows []map[string]any) string {
	var out []string
	for _, r := range rows {
		out = append(out, r["LastName"].(string))
	}
	return strings.Join(out, " ")
}

func TestRowsAreOrderedAndCut(t *testing.T) {
	t.Parallel()
	o := people(t)
	for tail, want := range map[string]string{
		"ORDER BY LastName DESC":                                 "Ed Di Cy Bob Ada",
		"ORDER BY Email":                                         "Ed Ada Bob Cy Di",
		"ORDER BY Email DESC":                                    "Ed Di Cy Bob Ada",
		"ORDER BY Email ASC NULLS LAST":                          "Ada Bob Cy Di Ed",
		"ORDER BY Rating DESC NULLS LAST, LastName DESC":         "Ed Ada Bob Di Cy",
		"ORDER BY IsConverted ASC, CreatedDate DESC LIMIT 2":     "Ed Di",
		"ORDER BY NumberOfEmployees DESC NULLS LAST LIMIT 1":     "Cy",
		"WHERE Rating = null ORDER BY LastName LIMIT 5 OFFSET 1": "Di",
		"LIMIT 0":                            "",
		"order by lastname limit 2 offset 4": "Ed",
		"WHERE Email LIKE 'cy%' ORDER BY LastName NULLS FIRST":       "Cy Di",
		"WHERE IsConverted = true ORDER BY CreatedDate, Id OFFSET 9": "",
	} {
		rows, code := o.query("SELECT Id, LastName FROM Lead " + tail)
		if got := lastNames(rows); got != want || code != "" {
			t.Errorf("%s: got %q %s, want %q", tail, got, code, want)
		}
	}
}

func TestBadQueriesAreRefused(t *testing.T) {
	t.Parallel()
	o := people(t)
	for soql, want := range map[string]string{
		``:                              "MALFORMED_QUERY unexpected token: '<EOF>'",
		`SELECT FROM Lead`:              "MALFORMED_QUERY unexpected token: 'FROM'",
		`SELECT Id Lead`:                "MALFORMED_QUERY unexpected token: 'Lead'",
		`SELECT Id FROM WHERE Id = 'x'`: "MALFORMED_QUERY unexpected token: 'WHERE'",
		`SELECT Id FROM Lead WHERE Email = 'a' AND Email = 'b' OR Email = 'c'`:  "MALFORMED_QUERY unexpected token: 'OR'",
		`SELECT Id FROM Lead WHERE Email = 'o'neil@example.com'`:                "MALFORMED_QUERY unexpected token: '@'",
		`SELECT Id FROM Lead WHERE Email = 'open`:                               "MALFORMED_QUERY unterminated string literal",
		`SELECT Id FROM Lead WHERE Email = 'a\'`:                                "MALFORMED_QUERY unterminated string literal",
		`SELECT Id FROM Lead WHERE Email = 'a\xb'`:                              "MALFORMED_QUERY Illegal character sequence",
		`SELECT Id FROM Lead WHERE Email = 'a\_b'`:                              "MALFORMED_QUERY Illegal character sequence",
		`SELECT Id FROM Lead WHERE Email = 'a\u12'`:                             "MALFORMED_QUERY Illegal character sequence",
		`SELECT Id FROM Lead WHERE Email IN ()`:                                 "MALFORMED_QUERY unexpected token: ')'",
		`SELECT Id FROM Lead WHERE Email == 'a'`:                                "MALFORMED_QUERY unexpected token: '='",
		`SELECT Id FROM Lead WHERE (Email = 'a'`:                                "MALFORMED_QUERY unexpected token: '<EOF>'",
		`SELECT Id FROM Lead WHERE Email = :bind`:                               "MALFORMED_QUERY unexpected token: ':'",
		`SELECT Id FROM Lead WHERE CreatedDate > 2026-11-22T10:00:00 00:00`:     "MALFORMED_QUERY unexpected token: '2026-11-22T10:00:00'",
		`SELECT Id FROM Lead WHERE ConvertedDate = 2026-13-01`:                  "MALFORMED_QUERY unexpected token: '2026-13-01'",
		`SELECT Id FROM Lead LIMIT 5 5`:                                         "MALFORMED_QUERY unexpected token: '5'",
		`SELECT Id FROM Lead LIMIT -1`:                                          "MALFORMED_QUERY unexpected token: '-1'",
		`SELECT Id, id FROM Lead`:                                               "MALFORMED_QUERY duplicate field selected: Id",
		`SELECT Id FROM Lead WHERE Email = '` + strings.Repeat("a", 4001) + `'`: "MALFORMED_QUERY longer than 4000",
		`SELECT Id FROM Lead OFFSET 2001`:                                       "NUMBER_OUTSIDE_VALID_RANGE 2000",
		`SELECT Id FROM Leed WHERE Email = 'a'`:                                 "INVALID_TYPE \nERROR at Row:1:Column:16\nsObject type 'Leed' is not supported.",
		`SELECT foo__c FROM Lead`:                                               "INVALID_FIELD No such column 'foo__c' on entity 'Lead'.",
		`SELECT Id FROM Lead WHERE foo__c = 'a'`:                                "INVALID_FIELD No such column 'foo__c' on entity 'Lead'.",
		`SELECT Id FROM Lead ORDER BY foo__c`:                                   "INVALID_FIELD No such column 'foo__c' on entity 'Lead'.",
		`SELECT Owner.Name FROM Lead`:                                           "INVALID_FIELD Didn't understand relationship 'Owner'",
		`SELECT Id FROM Task WHERE Description = 'a'`:                           "INVALID_FIELD field 'Description' can not be filtered in a query call",
		`SELECT Id FROM Task ORDER BY Description`:                              "INVALID_FIELD field 'Description' can not be sorted in a query call",
		`SELECT Id FROM Lead WHERE Email = 5`:                                   "INVALID_FIELD should be enclosed in quotes",
		`SELECT Id FROM Lead WHERE IsConverted = 'false'`:                       "INVALID_FIELD should not be enclosed in quotes",
		`SELECT Id FROM Lead WHERE CreatedDate > '2026-11-22T10:00:00Z'`:        "INVALID_FIELD must be of type datetime and should not be enclosed in quotes",
		`SELECT Id FROM Lead WHERE CreatedDate > 2026-11-22`:                    "INVALID_FIELD must be of type datetime",
		`SELECT Id FROM Lead WHERE Id = 'nonsense'`:                             "INVALID_QUERY_FILTER_OPERATOR invalid ID field: nonsense",
		`SELECT Id FROM Lead WHERE OwnerId LIKE '005%'`:                         "INVALID_QUERY_FILTER_OPERATOR invalid operator on reference field",
		`SELECT Id FROM Lead WHERE IsConverted > false`:                         "INVALID_QUERY_FILTER_OPERATOR invalid operator on boolean field",
	} {
		r := o.call("GET", "/query?q="+url.QueryEscape(soql), nil)
		code, text, _ := strings.Cut(want, " ")
		got := apiError{}
		if r.status == http.StatusBadRequest {
			got = firstError(t, r)
		}
		if got.ErrorCode != code || !strings.Contains(got.Message, text) {
			t.Errorf("%.80s: got %d %s %q, want %s", soql, r.status, got.ErrorCode, got.Message, want)
		}
	}
}

func TestAQueryErrorPointsAtItsPlace(t *testing.T) {
	t.Parallel()
	o := newOrg(t, Behaviour{})
	got := firstError(t, o.call("GET", "/query?q="+url.QueryEscape("SELECT Id FROM Leed WHERE Email = 'a'"), nil)).Message
	lines := strings.Split(got, "\n")
	if want := "SELECT Id FROM Leed WHERE Email = 'a"; len(lines) < 4 || !strings.HasPrefix(want, lines[1]) || lines[2] != strings.Repeat(" ", 15)+"^" {
		t.Errorf("got %q", got)
	}
}

func TestEveryHostileTextFindsItselfAndNothingElse(t *testing.T) {
	t.Parallel()
	o := newOrg(t, Behaviour{})
	alphabet := []string{"'", `\`, `"`, "%", "_", "\n", "\r", "\t", "\b", "\f", " ", "n", "u0041", "ß", "é", "日本", "😀", "--", " OR ", "=", "(", "null", "+", "&"}
	rng := rand.New(rand.NewPCG(1, 2))
	texts := []string{`' OR Email != '`, `\`, `\'`, `''`, `%`, `_`, `\\'`, `\u0041`}
	for range 300 {
		var s strings.Builder
		for range 1 + rng.IntN(8) {
			s.WriteString(alphabet[rng.IntN(len(alphabet))])
		}
		texts = append(texts, s.String())
	}
	slices.Sort(texts)
	texts = slices.Compact(texts)
	for _, s := range texts {
		o.Seed("Lead", map[string]any{"LastName": "x", "Company": s})
	}
	for _, s := range texts {
		rows, code := o.query("SELECT Company FROM Lead WHERE Company = " + quote(s))
		if code != "" || len(rows) != 1 || rows[0]["Company"] != s {
			t.Fatalf("%q: got %v %s, want itself alone", s, rows, code)
		}
	}
}

func FuzzQueriesNeverPanic(f *testing.F) {
	for _, s := range []string{
		"SELECT Id FROM Lead", "SELECT COUNT() FROM Task WHERE Subject LIKE 'a\\_%' AND NOT (ActivityDate = 2026-11-23)",
		"SELECT Id FROM Lead WHERE Email IN ('a','\\u00e9') ORDER BY Id DESC NULLS LAST LIMIT 3 OFFSET 1", "'", "\\", "((((", "SELECT é", "= '\\",
	} {
		f.Add(s)
	}
	obj := buildSchema(Behaviour{})["lead"]
	f.Fuzz(func(t *testing.T, soql string) {
		st, no := parseQuery(soql)
		if no != nil {
			if no.status != http.StatusBadRequest || len(no.errors) != 1 {
				t.Fatalf("got %+v", no)
			}
			return
		}
		if match, no := (binder{st, obj}).filter(st.where); no == nil {
			match(&Record{Fields: map[string]any{"Email": "ada@example.com"}})
		}
	})
}

func TestCountDeletedRowsAndSetupObjects(t *testing.T) {
	t.Parallel()
	o := people(t)
	if err := o.Delete("Lead", makeID("00Q", 1)); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"/query?q=" + url.QueryEscape("SELECT COUNT() FROM Lead"):    `{"done":true,"records":[],"totalSize":4}`,
		"/queryAll?q=" + url.QueryEscape("SELECT COUNT() FROM Lead"): `{"done":true,"records":[],"totalSize":5}`,
		"/queryAll?q=" + url.QueryEscape("SELECT IsDeleted FROM Lead WHERE IsDeleted = true"): `{"done":true,"records":[{"IsDeleted":true,"attributes":{"type":"Lead",` +
			`"url":"/services/data/v66.0/sobjects/Lead/` + makeID("00Q", 1) + `"}}],"totalSize":1}`,
	} {
		if r := o.call("GET", path, nil); strings.TrimSpace(r.body) != want {
			t.Errorf("%s: got %s, want %s", path, r.body, want)
		}
	}
	for soql, want := range map[string]int{
		"SELECT ApiName, MasterLabel, IsDefault, IsConverted FROM LeadStatus":            4,
		"SELECT ApiName FROM TaskStatus WHERE IsClosed = true":                           1,
		"SELECT Id, Email FROM User WHERE Email = 'ops@example.com' AND IsActive = true": 1,
		"SELECT Id, IsSandbox FROM Organization":                                         1,
		"SELECT Id FROM Opportunity":                                                     3,
	} {
		if rows, code := o.query(soql); len(rows) != want || code != "" {
			t.Errorf("%s: got %d rows %s, want %d", soql, len(rows), code, want)
		}
	}
}

func TestLongResultsComeInPages(t *testing.T) {
	t.Parallel()
	o := newOrg(t, Behaviour{})
	for i := range 4100 {
		o.Seed("Lead", map[string]any{"LastName": fmt.Sprint(i), "Company": "x"})
	}
	type page struct {
		TotalSize      int
		Done           bool
		Records        []map[string]any
		NextRecordsURL string `json:"nextRecordsUrl"`
	}
	seen, pages := map[string]bool{}, 0
	path := "/query?q=" + url.QueryEscape("SELECT LastName FROM Lead ORDER BY LastName")
	for path != "" {
		var p page
		decodeJSON(t, o.call("GET", path, nil).body, &p)
		for _, r := range p.Records {
			seen[r["LastName"].(string)] = true
		}
		pages++
		if p.TotalSize != 4100 || p.Done != (p.NextRecordsURL == "") {
			t.Fatalf("page %d: totalSize %d done %v next %q", pages, p.TotalSize, p.Done, p.NextRecordsURL)
		}
		path = strings.TrimPrefix(p.NextRecordsURL, "/services/data/v66.0")
	}
	if len(seen) != 4100 || pages != 3 {
		t.Errorf("got %d rows on %d pages, want 4100 on 3", len(seen), pages)
	}
	if r := o.call("GET", "/query/01gNonsense-2000", nil); o.code(r) != "INVALID_QUERY_LOCATOR" {
		t.Errorf("a bad locator: got %d %s", r.status, r.body)
	}
}

func TestArchivedActivitiesAreForQueryAllAlone(t *testing.T) {
	t.Parallel()
	o := newOrg(t, Behaviour{})
	id := o.Seed("Task", map[string]any{"Subject": "old", "IsArchived": true})
	if rows, _ := o.query("SELECT Id FROM Task"); len(rows) != 0 {
		t.Errorf("query shows %v", rows)
	}
	if r := o.call("GET", "/queryAll?q="+url.QueryEscape("SELECT Id, IsDeleted FROM Task"), nil); !strings.Contains(r.body, id) {
		t.Errorf("queryAll: %d %s", r.status, r.body)
	}
}
