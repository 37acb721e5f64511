package simhubspot

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"crm-connectors/sim"
)

// introspect answers 200 for every token; only active tells a good one.
func (s *Sim) introspect(w http.ResponseWriter, r *http.Request) {
	f, ok := s.form(w, r)
	if !ok {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	text := f.Get("token")
	now := s.core.Clock.Now()
	common := map[string]any{
		"active": true, "token": text, "hub_id": hubID, "user_id": userID, "client_id": s.cfg.ClientID, "app_id": appID,
		"user": userEmail, "hub_domain": hubDomain, "token_type": "Bearer",
	}
	if t := s.access[text]; t != nil && !t.grant.uninstalled && now.Before(t.expires) {
		maps.Copy(common, map[string]any{
			"token_use": "access_token", "scopes": t.scopes, "expires_in": int64(t.expires.Sub(now) / time.Second), "is_private_distribution": false,
			"signed_access_token": map[string]any{
				"expiresAt": t.expires.UnixMilli(), "hubId": hubID, "userId": userID, "appId": appID, "hublet": "na1", "scopes": "",
				"isUserLevel": false, "isPrivateDistribution": false, "isServiceAccount": false, "installingUserId": userID,
			},
		})
		sim.WriteJSON(w, http.StatusOK, common)
		return
	}
	if g := s.grants[text]; g != nil && !g.revoked && !g.uninstalled {
		maps.Copy(common, map[string]any{"token_use": "refresh_token", "scopes": g.scopes})
		sim.WriteJSON(w, http.StatusOK, common)
		return
	}
	sim.WriteJSON(w, http.StatusOK, map[string]any{"active": false})
}

// revoke ends a refresh token. Access tokens already issued live on, and the app stays installed.
func (s *Sim) revoke(w http.ResponseWriter, r *http.Request) {
	f, ok := s.form(w, r)
	if !ok {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if g := s.grants[f.Get("token")]; g != nil {
		g.revoked = true
	}
	w.WriteHeader(http.StatusOK)
}

// uninstall removes the app from the portal, and with it every grant.
func (s *Sim) uninstall(*call) (int, any, error) {
	s.endGrants()
	return http.StatusNoContent, nil, nil
}

func (s *Sim) endGrants() {
	for _, g := range s.grants {
		g.uninstalled = true
	}
}

func (s *Sim) accountInfo(c *call) (int, any, error) {
	if err := c.need([]string{"oauth"}); err != nil {
		return 0, nil, err
	}
	now := s.core.Clock.Now().In(s.location())
	_, offset := now.Zone()
	return http.StatusOK, map[string]any{
		"portalId": hubID, "accountType": "DEVELOPER_TEST", "timeZone": s.behaviour.timeZone(), "companyCurrency": "USD", "additionalCurrencies": []string{},
		"utcOffset": now.Format("-07:00"), "utcOffsetMilliseconds": offset * 1000, "uiDomain": uiDomain, "dataHostingLocation": "na1",
	}, nil
}

// Owner is a user of the portal to whom records can be assigned, by ID and not by UserID.
type Owner struct {
	ID        string    `json:"id"`
	Type      string    `json:"type"`
	Email     string    `json:"email"`
	FirstName string    `json:"firstName"`
	LastName  string    `json:"lastName"`
	UserID    int64     `json:"userId"`
	CreatedAt time.Time `json:"createdAt"`
	UpdatedAt time.Time `json:"updatedAt"`
	Archived  bool      `json:"archived"`
	Teams     []string  `json:"teams"`
}

const ownersRead = "crm.objects.owners.read"

func (s *Sim) listOwners(c *call) (int, any, error) {
	if err := c.need([]string{ownersRead}); err != nil {
		return 0, nil, err
	}
	q := c.r.URL.Query()
	found := slices.DeleteFunc(slices.Clone(s.owners), func(o Owner) bool {
		return (q.Has("email") && !strings.EqualFold(o.Email, q.Get("email"))) || o.Archived != (q.Get("archived") == "true")
	})
	from, to, next, err := page(q.Get("after"), q.Get("limit"), 100, 500, len(found))
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, paged(map[string]any{"results": found[from:to]}, next), nil
}

func (s *Sim) getOwner(c *call) (int, any, error) {
	if err := c.need([]string{ownersRead}); err != nil {
		return 0, nil, err
	}
	i := slices.IndexFunc(s.owners, func(o Owner) bool { return o.ID == c.r.PathValue("id") })
	if i < 0 {
		return 0, nil, notFound()
	}
	return http.StatusOK, s.owners[i], nil
}
