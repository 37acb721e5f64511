package simsalesforce

import "strings"

// Ids of the seeded org. They are fixed, so that other code can map deals to them before the
// simulator runs.
const (
	orgID = "00Dak00000SimOrEAJ"

	// UserID is the user who consents, and so the owner of what is created.
	UserID = "005ak00000UsrAaAAJ"
	// OtherUserID is the colleague whom the lead assignment rule picks.
	OtherUserID = "005ak00000UsrAbAAJ"
	// AccountID is the account of the seeded opportunities.
	AccountID = "001ak00000AccAaAAJ"

	// OpportunityOneID is a seeded opportunity.
	OpportunityOneID = "006ak00000OppAaAAJ"
	// OpportunityTwoID is a seeded opportunity.
	OpportunityTwoID = "006ak00000OppAbAAJ"
	// OpportunityThreeID differs from OpportunityTwoID in the case of letters alone.
	OpportunityThreeID = "006ak00000OppaBAAR"
)

const (
	base62         = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	suffixAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
)

// idSuffix is the checksum that makes a case-sensitive 15-character id safe in places that ignore
// case: for each chunk of five characters, bit j says that character j is upper case.
func idSuffix(id15 string) string {
	var out [3]byte
	for chunk := range out {
		bits := 0
		for j := range 5 {
			if c := id15[chunk*5+j]; c >= 'A' && c <= 'Z' {
				bits |= 1 << j
			}
		}
		out[chunk] = suffixAlphabet[bits]
	}
	return string(out[:])
}

// normaliseID gives the 18-character form of an id of 15 or 18 characters, and false for what is
// no id, a wrong checksum included.
func normaliseID(id string) (string, bool) {
	if len(id) != 15 && len(id) != 18 {
		return "", false
	}
	for i := range len(id) {
		if strings.IndexByte(base62, id[i]) < 0 {
			return "", false
		}
	}
	full := id[:15] + idSuffix(id[:15])
	if len(id) == 18 && id[15:] != full[15:] {
		return "", false
	}
	return full, true
}

// makeID is the n-th id of a prefix. Ids count in base 62, so neighbours differ in case alone, as
// they do in a real org.
func makeID(prefix string, n int64) string {
	var digits [10]byte
	for i := len(digits) - 1; i >= 0; i-- {
		digits[i] = base62[n%62]
		n /= 62
	}
	id := prefix + "ak" + string(digits[:])
	return id + idSuffix(id)
}
