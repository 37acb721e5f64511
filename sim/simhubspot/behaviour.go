package simhubspot

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// Behaviour holds the switches of the portal. The zero value is a friendly portal: no search lag, no
// limits, tokens that live 30 minutes. As JSON, durations are search_lag_ms and token_lifetime_s.
type Behaviour struct {
	// SearchLag is how late the search index follows writes made from now on; the real one takes about ten seconds.
	SearchLag time.Duration `json:"-"`
	// PhantomSearchEvery makes each n-th search that matches say so in total, yet return no results.
	PhantomSearchEvery int `json:"phantom_search_every,omitempty"`

	// TokenLifetime of new access tokens; 0 means 30 minutes. A negative one issues expired tokens.
	TokenLifetime time.Duration `json:"-"`
	// RotateRefreshTokens makes every refresh return a new refresh token and end the old one.
	RotateRefreshTokens bool `json:"rotate_refresh_tokens,omitempty"`
	// GrantedScopes go on every token issued from now on; empty grants what was asked.
	GrantedScopes []string `json:"granted_scopes,omitempty"`
	// PortalDeleted makes every refresh fail with BAD_HUB.
	PortalDeleted bool `json:"portal_deleted,omitempty"`

	// EnforceRateLimits to 110 requests in 10 s, and apart from them 5 searches a second.
	EnforceRateLimits bool `json:"enforce_rate_limits,omitempty"`
	// BurstLimit allows so many requests in 10 s, and SearchLimit so many searches a second; 0 leaves it to EnforceRateLimits.
	BurstLimit  int `json:"burst_limit,omitempty"`
	SearchLimit int `json:"search_limit,omitempty"`
	// DailyLimit allows so many requests, searches too, until midnight in the portal's time zone, and sends the headers that tell of
	// it. 0 does neither, as for an OAuth app.
	DailyLimit int `json:"daily_limit,omitempty"`
	// RetryAfterSeconds goes out with a 429; 0 sends no Retry-After, as the documentation has it.
	RetryAfterSeconds int `json:"retry_after_s,omitempty"`

	// RequiredContactProperties must be set when a contact is created through 2026-09.
	RequiredContactProperties []string `json:"required_contact_properties,omitempty"`
	// RequiredOnEveryVersion extends that to v3 and 2026-03.
	RequiredOnEveryVersion bool `json:"required_on_every_version,omitempty"`
	// MissingTargetStatus answers an association with a record that is not there: 404 (also when 0) or 400.
	MissingTargetStatus int `json:"missing_target_status,omitempty"`
	// DealAssociationNeedsScope asks for crm.objects.deals.read when a record is associated with a deal.
	DealAssociationNeedsScope bool `json:"deal_association_needs_scope,omitempty"`
	// TakenValueStatus answers a unique value that another record has: 400 (also when 0) or 409. Addresses of contacts are always 409.
	TakenValueStatus int `json:"taken_value_status,omitempty"`
	// ArchivedKeepValues lets a deleted record hold on to its unique values, but for addresses.
	ArchivedKeepValues bool `json:"archived_keep_values,omitempty"`
	// TimeZone of the portal; empty is US/Eastern.
	TimeZone string `json:"time_zone,omitempty"`
	// RefuseActivityProperties forbids new properties of tasks and notes.
	RefuseActivityProperties bool `json:"refuse_activity_properties,omitempty"`

	// OmitNullLabels leaves the label key out instead of sending null.
	OmitNullLabels bool `json:"omit_null_labels,omitempty"`
	// OmitTraceIDs does not echo objectWriteTraceId in the results of a batch.
	OmitTraceIDs bool `json:"omit_trace_ids,omitempty"`
	// ReverseBatchResults returns the results of a batch last input first.
	ReverseBatchResults bool `json:"reverse_batch_results,omitempty"`
}

const defaultTokenLifetime = 30 * time.Minute

func (b Behaviour) tokenLifetime() time.Duration {
	if b.TokenLifetime == 0 {
		return defaultTokenLifetime
	}
	return b.TokenLifetime
}

func (b Behaviour) timeZone() string {
	if b.TimeZone == "" {
		return "US/Eastern"
	}
	return b.TimeZone
}

type plainBehaviour Behaviour

type wireBehaviour struct {
	plainBehaviour
	SearchLagMS    int64 `json:"search_lag_ms"`
	TokenLifetimeS int64 `json:"token_lifetime_s"`
}

// MarshalJSON writes durations as numbers of the unit that the key names.
func (b Behaviour) MarshalJSON() ([]byte, error) {
	return json.Marshal(wireBehaviour{
		plainBehaviour: plainBehaviour(b),
		SearchLagMS:    b.SearchLag.Milliseconds(),
		TokenLifetimeS: int64(b.tokenLifetime() / time.Second),
	})
}

// UnmarshalJSON replaces all switches; the error names a key that does not exist.
func (b *Behaviour) UnmarshalJSON(data []byte) error {
	var w wireBehaviour
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&w); err != nil {
		return fmt.Errorf("behaviour: %w", err)
	}
	*b = Behaviour(w.plainBehaviour)
	b.SearchLag = time.Duration(w.SearchLagMS) * time.Millisecond
	b.TokenLifetime = time.Duration(w.TokenLifetimeS) * time.Second
	return nil
}
