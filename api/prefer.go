package api

import (
	"strconv"
	"strings"
	"time"
)

const maxWait = 60 * time.Second

// Wait is how long a header Prefer asks to wait for the result: wait=10 is ten seconds (RFC 7240). At most
// a minute; 0 for no header, other preferences and what cannot be read, for a preference may be ignored.
func Wait(prefer *string) time.Duration {
	if prefer == nil {
		return 0
	}
	for p := range strings.SplitSeq(*prefer, ",") {
		p, _, _ = strings.Cut(p, ";")
		name, value, _ := strings.Cut(p, "=")
		if !strings.EqualFold(strings.TrimSpace(name), "wait") {
			continue
		}
		n, err := strconv.ParseUint(strings.Trim(strings.TrimSpace(value), `"`), 10, 31)
		if err != nil {
			return 0
		}
		return min(time.Duration(n)*time.Second, maxWait)
	}
	return 0
}
