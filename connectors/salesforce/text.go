package salesforce

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Field lengths, in UTF-16 code units, which is the strictest way that Salesforce may count.
// Object reference: Lead, Contact, Task.
const (
	maxEmail       = 80
	maxFirstName   = 40
	maxLastName    = 80
	maxCompany     = 255
	maxPhone       = 40
	maxTitle       = 128
	maxSubject     = 255
	maxDescription = 32000
)

const truncatedMark = " [truncated]"

// units is the length of s in UTF-16 code units: an emoji counts two.
func units(s string) int {
	n := 0
	for _, r := range s {
		n += runeUnits(r)
	}
	return n
}

func runeUnits(r rune) int {
	if r > 0xFFFF {
		return 2
	}
	return 1
}

// clean drops what Salesforce refuses as outside its character set: control characters but newline
// and tab, broken UTF-8 and non-characters. Windows line ends become newlines.
func clean(s string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, ""), "\r\n", "\n")
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case r == '\r':
			return '\n'
		case unicode.IsControl(r), r == 0xFFFE, r == 0xFFFF, r == utf8.RuneError:
			return -1
		}
		return r
	}, s)
	return strings.TrimSpace(s)
}

// oneLine is clean for fields of one line: any run of white space is one blank.
func oneLine(s string) string { return strings.Join(strings.Fields(clean(s)), " ") }

// limit cuts s to most code units, between characters and with a visible mark. The bool says that it
// was cut.
func limit(s string, most int) (string, bool) {
	if len(s) <= most || units(s) <= most {
		return s, false
	}
	room := most - len(truncatedMark)
	end, used := 0, 0
	for i, r := range s {
		if used += runeUnits(r); used > room {
			end = i
			break
		}
	}
	return strings.TrimRightFunc(s[:end], unicode.IsSpace) + truncatedMark, true
}

// emailKey is an address as a key: Salesforce compares without case.
func emailKey(email string) string { return strings.ToLower(strings.TrimSpace(email)) }
