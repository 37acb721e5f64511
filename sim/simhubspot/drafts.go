package simhubspot

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"crm-connectors/sim"
)

// createInput is the body of a create, and one input of a batch create.
type createInput struct {
	Properties   values             `json:"properties"`
	Associations []inputAssociation `json:"associations"`
	TraceID      string             `json:"objectWriteTraceId"`
}

// draft is a write that passed every check and only has to be stored: checking all before storing
// any is what lets a batch fail as a whole.
type draft struct {
	kind    *kind
	rec     *record           // nil: a new record
	given   map[string]string // as the request had it, for the operation log
	set     map[string]string // as it is stored; "" clears
	targets []target
	trace   string
}

// draftCreate checks a create. claims holds the unique values of the same request's earlier inputs.
func (s *Sim) draftCreate(c *call, k *kind, in createInput, claims map[uniqueKey]string) (*draft, *apiError) {
	given, err := in.Properties.flat(c.version)
	if err != nil {
		return nil, err
	}
	set, err := s.checkProperties(k, given)
	if err != nil {
		return nil, err
	}
	required := slices.Clone(k.required)
	if k.name == contacts && (c.version == version09 || s.behaviour.RequiredOnEveryVersion) {
		required = append(required, s.behaviour.RequiredContactProperties...)
	}
	if missing := slices.DeleteFunc(required, func(name string) bool { return set[name] != "" }); len(missing) > 0 {
		return nil, missingProperties(k, missing)
	}
	targets, err := s.checkTargets(c, k.name, in.Associations)
	if err != nil {
		return nil, err
	}
	if err := s.claim(k, nil, set, claims); err != nil {
		return nil, err
	}
	return &draft{kind: k, given: given, set: set, targets: targets, trace: in.TraceID}, nil
}

// draftUpdate checks a change of rec. Only what is sent changes.
func (s *Sim) draftUpdate(c *call, k *kind, rec *record, props values, claims map[uniqueKey]string) (*draft, *apiError) {
	given, err := props.flat(c.version)
	if err != nil {
		return nil, err
	}
	if len(given) == 0 {
		return nil, invalid("No properties found to update, please provide at least one.")
	}
	set, err := s.checkProperties(k, given)
	if err != nil {
		return nil, err
	}
	for _, name := range k.required {
		if v, sent := set[name]; sent && v == "" {
			return nil, missingProperties(k, []string{name})
		}
	}
	// A stage that would move back is dropped without a word, as the portal is reported to do.
	if k.name == contacts && movesBack(rec.props["lifecyclestage"], set["lifecyclestage"]) {
		delete(set, "lifecyclestage")
	}
	if err := s.claim(k, rec, set, claims); err != nil {
		return nil, err
	}
	return &draft{kind: k, rec: rec, given: given, set: set}, nil
}

// claim refuses unique values that another record has, stored or earlier in the same batch.
func (s *Sim) claim(k *kind, rec *record, set map[string]string, claims map[uniqueKey]string) *apiError {
	own := ""
	if rec != nil {
		own = rec.id
	}
	for _, key := range s.uniqueKeys(k.name, set) {
		owner, taken := s.unique[key]
		if !taken {
			owner, taken = claims[key]
		}
		switch {
		case !taken:
			claims[key] = own
		case owner == own && own != "":
		case owner == "":
			return invalid("Duplicate value of %s in the batch: %s", key.property, key.value)
		case key.property == "email":
			return alreadyExists(owner)
		case s.behaviour.TakenValueStatus == http.StatusConflict:
			return fail(http.StatusConflict, categoryConflict, "%s already has that value. Existing ID: %s", key.property, owner)
		default:
			return invalidProperties([]*propertyError{badProperty(key.property, "CONFLICTING_UNIQUE_VALUE", "%s already has that value.", owner)})
		}
	}
	return nil
}

// commit logs the draft and stores it. On an error nothing was stored.
func (s *Sim) commit(d *draft) (*record, error) {
	now := s.core.Clock.Now()
	if d.rec != nil {
		if err := s.enter(sim.Entry{Op: sim.OpUpdate, Fields: d.given, Was: before(d.rec.props, d.given)}, d.rec.ref); err != nil {
			return nil, err
		}
		s.apply(d.rec, d.set, now)
		return d.rec, nil
	}
	r := ref{d.kind.name, s.nextID(d.kind.name)}
	if err := s.log(sim.OpCreate, r, d.given, targetNames(d.targets)); err != nil {
		return nil, err
	}
	rec := s.insert(r, withoutEmpty(d.set), now.Add(s.behaviour.SearchLag))
	for _, tg := range d.targets {
		s.link(r, tg)
	}
	return rec, nil
}

func (s *Sim) apply(rec *record, set map[string]string, now time.Time) {
	props := maps.Clone(rec.props)
	maps.Copy(props, set)
	// The address that becomes primary is no longer an additional one.
	if email := set["email"]; email != "" && rec.kind == contacts {
		others := slices.DeleteFunc(strings.Split(props["hs_additional_emails"], ";"), func(e string) bool { return e == email })
		props["hs_additional_emails"] = strings.Join(others, ";")
	}
	rec.updated = now
	s.setProps(rec, withoutEmpty(props), now.Add(s.behaviour.SearchLag))
}

func withoutEmpty(props map[string]string) map[string]string {
	out := maps.Clone(props)
	maps.DeleteFunc(out, func(_, v string) bool { return v == "" })
	return out
}
