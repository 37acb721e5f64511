package simhubspot

import (
	"slices"
	"strings"
	"time"
)

// Object is a record as it is in the portal now, for tests to look at.
type Object struct {
	ID           string            `json:"id"`
	Properties   map[string]string `json:"properties"`
	Associations []Association     `json:"associations"`
	Archived     bool              `json:"archived"`
	CreatedAt    time.Time         `json:"created_at"`
	UpdatedAt    time.Time         `json:"updated_at"`
}

// Association leads from an Object to another record, such as "contacts/501".
type Association struct {
	To       string `json:"to"`
	Category string `json:"category"`
	TypeID   int    `json:"type_id"`
	Label    string `json:"label,omitempty"`
}

// Objects are all records of a type (plural name, such as "contacts"), archived ones too, lowest id
// first; none for a type that does not exist.
func (s *Sim) Objects(objectType string) []Object {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := kindOf(objectType)
	if err != nil {
		return nil
	}
	out := []Object{}
	for _, rec := range s.records[k.name] {
		o := Object{ID: rec.id, Properties: s.withSystem(rec, rec.props), Archived: rec.archived(), CreatedAt: rec.created, UpdatedAt: rec.updated, Associations: []Association{}}
		for to, labels := range rec.links {
			for _, l := range labels {
				o.Associations = append(o.Associations, Association{to.String(), l.category, l.id, s.labelText(k.name, l)})
			}
		}
		slices.SortFunc(o.Associations, func(x, y Association) int {
			if x.To == y.To {
				return x.TypeID - y.TypeID
			}
			return strings.Compare(x.To, y.To)
		})
		out = append(out, o)
	}
	slices.SortFunc(out, func(x, y Object) int { return compareIDs(x.ID, y.ID) })
	return out
}

// Archive deletes a record as a user of the portal would; it tells whether the record was there.
func (s *Sim) Archive(objectType, id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := kindOf(objectType)
	if err != nil {
		return false
	}
	rec := s.find(k, id)
	if rec != nil {
		s.archive(rec)
	}
	return rec != nil
}

// RevokeGrants removes the app from the portal as its administrator would: every refresh and access
// token ends.
func (s *Sim) RevokeGrants() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endGrants()
}

// ExpireAccessTokens ends all access tokens now; refreshing still works.
func (s *Sim) ExpireAccessTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.core.Clock.Now()
	for _, t := range s.access {
		if t.expires.After(now) {
			t.expires = now
		}
	}
}

// Connect installs the app without the browser, for tests that begin after the sign-in: it returns
// a refresh and an access token with these scopes.
func (s *Sim) Connect(scopes ...string) (refreshToken, accessToken string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := &grant{scopes: scopes, refresh: "na1-" + newUUID()}
	s.grants[g.refresh] = g
	a := s.issue(g)
	return a.RefreshToken, a.AccessToken
}
