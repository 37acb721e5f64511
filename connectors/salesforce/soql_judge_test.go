package salesforce

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"crm-connectors/sim/judges"
)

// judged is what sim/judges/soql.mjs answers of one query.
type judged struct {
	Error      string
	Object     string
	Conditions []judgedCondition
	Joins      []string
	Limit      int
}

type judgedCondition struct {
	Field, Operator, Type string
	Value                 any // a text, or a list of them
	Open, Close           int // brackets before and after it
}

const hostileTexts = 12_000

func TestAPublishedSOQLParserReadsEachValueAsOneLiteral(t *testing.T) {
	t.Parallel()
	dir := filepath.Join("..", "..", "sim", "judges")
	judges.Need(t, dir)
	const seed = 20261123
	t.Logf("seed %d", seed)
	texts := hostileValues(rand.New(rand.NewPCG(seed, seed)), hostileTexts)
	queries := make([]string, len(texts))
	for i, text := range texts {
		q := query{object: typeLead, fields: []string{"Id", "Email"}, where: []condition{equals("Email", text)}, limit: 5}
		if i%2 == 1 { // more after the value, which a value that escapes would change
			q.where = append(q.where, isTrue("IsConverted"))
			q.order = "LastModifiedDate DESC"
		}
		queries[i] = q.String()
	}
	for i, got := range askJudge(t, dir, queries) {
		if wrong := misread(got, texts[i], i%2 == 1); wrong != "" {
			t.Fatalf("text %d of seed %d, %+q:\n%s\n%s\nthe parser reads %+v", i, seed, texts[i], queries[i], wrong, got)
		}
	}
}

// Every way to make a condition, with hostile texts in it, is read as it was meant: as many conditions, each with its values.
func TestAPublishedSOQLParserReadsEveryKindOfConditionAsItIsMeant(t *testing.T) {
	t.Parallel()
	dir := filepath.Join("..", "..", "sim", "judges")
	judges.Need(t, dir)
	const seed = 20261125
	r := rand.New(rand.NewPCG(seed, seed))
	from := time.Date(2026, 11, 23, 12, 30, 59, 999, time.FixedZone("", 3600))
	var queries []string
	var want [][]judgedCondition
	for texts := hostileValues(r, hostileTexts); len(texts) > 6; texts = texts[7:] {
		for i := range texts[:7] {
			texts[i] = strings.ToValidUTF8(texts[i], "\uFFFD")
		}
		list := texts[:1+r.IntN(4)]
		q := query{object: typeLead, fields: []string{"Id"}, order: "CreatedDate ASC", limit: 5, where: []condition{
			oneOf("Email", list), since("CreatedDate", from), notNull(markerField), isFalse("IsConverted"),
			anyOf(equals("Subject", texts[4]), isNull("WhoId"), equals("Id", texts[5])), equals("Subject", texts[6])}}
		queries = append(queries, q.String())
		values := make([]any, len(list))
		for i, text := range list {
			values[i] = text
		}
		want = append(want, []judgedCondition{
			{Field: "Email", Operator: "IN", Type: "STRING", Value: values},
			{Field: "CreatedDate", Operator: ">=", Type: "DATETIME", Value: "2026-11-23T11:30:59Z"},
			{Field: markerField, Operator: "!=", Type: "NULL", Value: "NULL"},
			{Field: "IsConverted", Operator: "=", Type: "BOOLEAN", Value: "FALSE"},
			{Field: "Subject", Operator: "=", Type: "STRING", Value: texts[4], Open: 1},
			{Field: "WhoId", Operator: "=", Type: "NULL", Value: "NULL"},
			{Field: "Id", Operator: "=", Type: "STRING", Value: texts[5], Close: 1},
			{Field: "Subject", Operator: "=", Type: "STRING", Value: texts[6]},
		})
	}
	joins := []string{"AND", "AND", "AND", "AND", "OR", "OR", "AND"}
	for i, got := range askJudge(t, dir, queries) {
		if got.Error != "" || got.Object != typeLead || got.Limit != 5 || !slices.Equal(got.Joins, joins) || !reflect.DeepEqual(got.Conditions, want[i]) {
			t.Fatalf("query %d of seed %d:\n%s\nthe parser reads %+v\nwant %+v", i, seed, queries[i], got, want[i])
		}
	}
}

func TestTheJudgeOfSOQLSeesAValueThatLeavesItsLiteral(t *testing.T) {
	t.Parallel()
	dir := filepath.Join("..", "..", "sim", "judges")
	judges.Need(t, dir)
	naive := func(text string) string { return "SELECT Id, Email FROM Lead WHERE Email = '" + text + "' LIMIT 5" }
	texts := []string{`a' OR Name LIKE '%`, `o'neil@example.com`, `back\slash`, `a\`, `a\'b`, `a' LIMIT 1 //`}
	queries := make([]string, len(texts))
	for i, text := range texts {
		queries[i] = naive(text)
	}
	for i, got := range askJudge(t, dir, queries) {
		if misread(got, texts[i], false) == "" {
			t.Errorf("%s passed for one literal that says %q", queries[i], texts[i])
		}
	}
}

func TestLineSeparatorsPassUnchangedAndTheParserRefusesThem(t *testing.T) {
	t.Parallel()
	dir := filepath.Join("..", "..", "sim", "judges")
	judges.Need(t, dir)
	var queries []string
	for _, r := range parserRefuses {
		text := "a" + string(r) + "b"
		if got, want := literal(text), "'"+text+"'"; got != want {
			t.Errorf("literal(%+q) = %+q, want %+q", text, got, want)
		}
		queries = append(queries, query{object: typeLead, fields: []string{"Id"}, where: []condition{equals("Email", text)}}.String())
	}
	for i, got := range askJudge(t, dir, queries) {
		if got.Error == "" {
			t.Errorf("the parser takes %+q: it need not be kept from it any more", queries[i])
		}
	}
}

// misread says how what the parser read differs from one condition on Email that equals the text; empty when it
// does not.
func misread(got judged, text string, two bool) string {
	conditions := 1
	if two {
		conditions = 2
	}
	switch {
	case got.Error != "":
		return "the parser refuses it: " + got.Error
	case len(got.Conditions) != conditions || len(got.Joins) != conditions-1:
		return "the conditions are not those of the query"
	case got.Object != typeLead || got.Limit != 5:
		return "the value reached what stands around the condition"
	case two && (got.Joins[0] != "AND" || got.Conditions[1].Field != "IsConverted" || got.Conditions[1].Value != "TRUE"):
		return "the second condition is not the one of the query"
	}
	c := got.Conditions[0]
	if slices.ContainsFunc(got.Conditions, func(c judgedCondition) bool { return c.Open+c.Close > 0 }) {
		return "the conditions have brackets, which the query has not"
	}
	if want := strings.ToValidUTF8(text, "\uFFFD"); c.Field != "Email" || c.Operator != "=" || c.Type != "STRING" || c.Value != want {
		return "the condition is not Email = the text"
	}
	return ""
}

// askJudge has the queries parsed, one answer each, in order.
func askJudge(t *testing.T, dir string, queries []string) []judged {
	t.Helper()
	var in bytes.Buffer
	lines := json.NewEncoder(&in)
	for _, q := range queries {
		if err := lines.Encode(q); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.ReadFile(filepath.Join(dir, "soql.mjs")); err != nil { // go test then sees when it changes
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", "soql.mjs")
	cmd.Dir, cmd.Stdin = dir, &in
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("node soql.mjs: %v\n%s", err, stderr.Bytes())
	}
	var answers []judged
	for scan := bufio.NewScanner(bytes.NewReader(out)); scan.Scan(); {
		var a judged
		if err := json.Unmarshal(scan.Bytes(), &a); err != nil {
			t.Fatalf("%s: %v", scan.Bytes(), err)
		}
		answers = append(answers, a)
	}
	if len(answers) != len(queries) {
		t.Fatalf("%d answers to %d queries", len(answers), len(queries))
	}
	return answers
}

// hostileValues makes n texts that differ: addresses and other values built of what means something in SOQL, in
// JavaScript, in a URL or to a lexer, with random characters between.
func hostileValues(r *rand.Rand, n int) []string {
	pieces := []string{
		`'`, `''`, `\`, `\\`, `\'`, `\\'`, `'\`, `"`, "`", `\n`, `\u0027`, `\u005C`, `\_`, `\%`, `%`, `_`, `:`, `:bind`, `@{lead.id}`, `{0}`, `${1}`, `{!x}`,
		` OR `, ` AND `, ` NOT `, ` LIKE '%`, ` IN ('a','b')`, ` WHERE `, ` LIMIT 1`, ` ORDER BY Id`, ` FOR UPDATE`, ` ALL ROWS`, `SELECT Id FROM User`,
		`(SELECT Id FROM Contacts)`, ` INCLUDES ('a;b')`, ` TYPEOF `, ` USING SCOPE mine`, `null`, `true`, `TODAY`, `LAST_N_DAYS:7`, `2026-11-23T00:00:00Z`, `0`,
		`//`, `/*`, `*/`, `--`, `#`, `;`, `(`, `)`, `,`, `=`, `!=`, `<>`, `&`, `+`, `%27`, `%00`, `</script>`, `toLabel(x)`,
		"\n", "\r\n", "\t", "\b", "\f", "\v", "\x00", "\x1b", "\x7f", "\u0085", "\u00a0", "\u00ad", "\u200b", "\u200d", "\u202e", "\u2019", "\u02bc",
		"\uff07", "\ufeff", "\ufffd", "\uffff", "e\u0301", "ß", "İ", "日本", "😀", "👩\u200d💻", "\U0010ffff", "\xff", "\xc3", "\xed\xa0\x80",
		"ada", "o'neil", "ada+tag", "@", "example.com", ".", "-", " ",
	}
	seen := map[string]bool{}
	var out []string
	for len(out) < n {
		var b strings.Builder
		for range r.IntN(9) {
			if r.IntN(5) == 0 {
				b.WriteRune(anyRune(r))
				continue
			}
			b.WriteString(pieces[r.IntN(len(pieces))])
		}
		if len(out)%2 == 0 {
			b.WriteString("@example.com")
		}
		if text := b.String(); !seen[text] && !strings.ContainsAny(text, parserRefuses) {
			seen[text] = true
			out = append(out, text)
		}
	}
	return out
}

// parserRefuses are the line and the paragraph separator, U+2028 and U+2029. They are ordinary characters of a
// SOQL string, but the parser's pattern for one has a dot where it means any character, and to JavaScript's dot
// these two are ends of lines. TestLineSeparatorsPassUnchangedAndTheParserRefusesThem watches over both halves of
// this. Nothing else is kept from the parser.
const parserRefuses = "\u2028\u2029"

func anyRune(r *rand.Rand) rune {
	for {
		most := []int{0x80, 0x800, 0x10000, unicode.MaxRune + 1}[r.IntN(4)]
		if c := rune(r.IntN(most)); utf8.ValidRune(c) {
			return c
		}
	}
}
