package salesforce

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"crm-connectors/connectors"
)

// read is the value of a literal by the rules of the SOQL reference, written apart from literal; rest is what follows it.
func read(t *testing.T, s string) (value, rest string) {
	t.Helper()
	escapes := map[byte]byte{'n': '\n', 'r': '\r', 't': '\t', 'b': '\b', 'f': '\f', '\'': '\'', '\\': '\\'}
	var out []byte
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\'':
			return string(out), s[i+1:]
		case s[i] == '\\' && i+5 < len(s) && s[i+1] == 'u':
			n := 0
			for _, c := range s[i+2 : i+6] {
				n = n<<4 | strings.IndexRune("0123456789ABCDEF", c)
			}
			out = utf8.AppendRune(out, rune(n))
			i += 5
		case s[i] == '\\' && i+1 < len(s):
			i++
			out = append(out, escapes[s[i]])
		default:
			out = append(out, s[i])
		}
	}
	t.Fatalf("%q does not end", s)
	return "", ""
}

func leavesNot(t *testing.T, s string) {
	want := strings.ToValidUTF8(s, "\uFFFD")
	for _, c := range []struct{ query, before, after string }{
		{string(equals("Email", s)), "Email = ", ""},
		{string(oneOf("Email", []string{"a", s, "b"})), "Email IN ('a', ", ", 'b')"},
	} {
		place, ok := strings.CutPrefix(c.query, c.before)
		if !ok {
			t.Fatalf("%q does not begin with %q", c.query, c.before)
		}
		if value, rest := read(t, place); value != want || rest != c.after {
			t.Errorf("%q in %s reads as %q and then %q", s, c.query, value, rest)
		}
	}
}

func FuzzThreat13_AValueIsOneLiteral(f *testing.F) {
	for _, seed := range []string{"", "ada@example.com", `x' OR Name!='`, `\`, `\'`, `\\'`, `' OR '1'='1`, "a\nb\r\t\b\f\x00\x7f", "%_", `\u0027 OR`, "\xff'", "😀'", "'' '' ''", `x'/*`, "' LIMIT 1 --", "a", "b"} {
		f.Add(seed)
	}
	f.Fuzz(leavesNot)
}

func TestThreat13_AnEmailCannotChangeItsQuery(t *testing.T) {
	t.Parallel()
	for _, s := range []string{`x' OR Name!='`, `x\' OR Name!=\'`, `\`, `\\`, `x\\' OR Id != '`, "x'\n OR Id != '", `' ) OR (Email LIKE '%`, `x\u0027 OR Id != \u0027`, "\xff' OR Id != '", "x' FOR UPDATE"} {
		leavesNot(t, s)
	}
	for _, id := range []string{"00Q' OR Id != '", "00Q000000000001/../../x", "00Q0000000000012AA?x", "", "00Q00000000000", "00Q00000000000100"} {
		if got, ok := recordID(id, prefixLead); ok {
			t.Errorf("%q passes for the id %q", id, got)
		}
	}
}

func FuzzSalesforcesRefusals(f *testing.F) {
	for _, seed := range []string{"", "null", "{}", "[]", `[{"message":"m","errorCode":"DUPLICATES_DETECTED","fields":["a"]}]`, `{"error":"invalid_grant","error_description":"expired"}`,
		`[{"message":{"x":1},"errorCode":5}]`, `[null]`, "<html>maintenance</html>", "\xff\xfe", `[{"message":"a\nb\u0007","errorCode":"X\nY"}]`} {
		for _, status := range []int{200, 300, 400, 401, 403, 500} {
			f.Add(status, []byte(seed))
		}
	}
	for _, depth := range []int{9_000, 200_000} {
		f.Add(400, bytes.Repeat([]byte(`[`), depth))
		f.Add(400, bytes.Repeat([]byte(`{"message":`), depth))
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		reply := connectors.Reply{Status: status, Header: http.Header{}, Body: body}
		for _, e := range []*connectors.Error{classify(connectors.Read, reply, time.Unix(0, 0)), classify(connectors.Once, reply, time.Unix(0, 0)),
			tokenRefused(refreshing, reply, time.Unix(0, 0)), tokenRefused(exchanging, reply, time.Unix(0, 0))} {
			if e == nil {
				continue
			}
			if e.Code == "" || e.Class == "" || utf8.RuneCountInString(e.Cause) > 900 || strings.ContainsAny(e.Cause+e.Code+e.RequestID, "\r\n\x00\x1b") {
				t.Errorf("class %q, code %q, request %q, cause %q", e.Class, e.Code, e.RequestID, e.Cause)
			}
		}
	})
}
