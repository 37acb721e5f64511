package salesforce

import (
	"net/url"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// unquote reads a SOQL literal by the rules of the SOQL reference, written apart from literal. The
// rest is what follows the closing quote.
func unquote(t *rapid.T, s string) (value, rest string) {
	if s == "" || s[0] != '\'' {
		t.Fatalf("%q does not begin with a quote", s)
	}
	var out []rune
	in := []rune(s[1:])
	for i := 0; i < len(in); i++ {
		switch in[i] {
		case '\'':
			return string(out), string(in[i+1:])
		case '\\':
			i++
			if i == len(in) {
				t.Fatalf("%q ends in a backslash", s)
			}
			plain, known := map[rune]rune{'n': '\n', 'r': '\r', 't': '\t', 'b': '\b', 'f': '\f', '"': '"', '\'': '\'', '\\': '\\'}[in[i]]
			switch {
			case known:
				out = append(out, plain)
			case in[i] == 'u' && i+4 < len(in):
				n, err := strconv.ParseUint(string(in[i+1:i+5]), 16, 16)
				if err != nil {
					t.Fatalf("%q: %v", s, err)
				}
				out = append(out, rune(n))
				i += 4
			default:
				t.Fatalf("%q holds the stray escape \\%c", s, in[i])
			}
		default:
			if in[i] < ' ' {
				t.Fatalf("%q holds a bare control character", s)
			}
			out = append(out, in[i])
		}
	}
	t.Fatalf("%q does not end in a quote", s)
	return "", ""
}

func TestAnyTextIsOneLiteral(t *testing.T) {
	t.Parallel()
	nasty := rapid.StringOfN(rapid.OneOf(rapid.SampledFrom([]rune(`'"\%_unrt{}()+& `+"\n\r\t\b\f\x00\x1f\x7f😀")), rapid.Rune()), 0, 40, -1)
	rapid.Check(t, func(t *rapid.T) {
		s := nasty.Draw(t, "text")
		got, rest := unquote(t, literal(s))
		if got != s || rest != "" {
			t.Fatalf("literal(%q) reads as %q and then %q", s, got, rest)
		}
	})
}

func TestBrokenUTF8BecomesValidInALiteral(t *testing.T) {
	t.Parallel()
	if got := literal("a\xff'b"); !utf8.ValidString(got) || got != `'a`+"\uFFFD"+`\'b'` {
		t.Errorf("literal = %q", got)
	}
}

func TestAValueCannotLeaveItsCondition(t *testing.T) {
	t.Parallel()
	q := query{object: "Lead", fields: []string{"Id", "Email"}, order: "LastModifiedDate DESC", limit: 5,
		where: []condition{equals("Email", `x' OR Name LIKE '%`), isTrue("IsConverted")}}
	want := `SELECT Id, Email FROM Lead WHERE Email = 'x\' OR Name LIKE \'%' AND IsConverted = true ORDER BY LastModifiedDate DESC LIMIT 5`
	if got := q.String(); got != want {
		t.Errorf("query = %s\nwant    %s", got, want)
	}
}

func TestAQuerySurvivesTheURL(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		q := query{object: "Lead", fields: []string{"Id"}, where: []condition{equals("Email", rapid.String().Draw(t, "email"))}}
		path := q.path("v66.0")
		if strings.Contains(path, "+") {
			t.Fatalf("%q holds a plus, which not every reader takes for a blank", path)
		}
		u, err := url.Parse("https://acme.my.salesforce.com" + path)
		if err != nil {
			t.Fatalf("parse: %v", err)
		}
		if got := u.Query().Get("q"); got != q.String() || u.Path != "/services/data/v66.0/query" {
			t.Fatalf("the URL says %q at %q, want %q", got, u.Path, q.String())
		}
	})
}
