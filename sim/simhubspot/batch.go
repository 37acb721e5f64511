package simhubspot

import (
	"net/http"
	"slices"
	"strings"

	"crm-connectors/sim"
)

const maxBatch = 100

// batchBody is the answer of all batch endpoints that return records.
type batchBody struct {
	Status      string       `json:"status"`
	Results     []objectBody `json:"results"`
	NumErrors   int          `json:"numErrors,omitempty"`
	Errors      []*apiError  `json:"errors,omitempty"`
	StartedAt   string       `json:"startedAt"`
	CompletedAt string       `json:"completedAt"`
}

func checkBatchSize(n int) *apiError {
	if n == 0 || n > maxBatch {
		return invalid("A batch has 1 to %d inputs, this one has %d", maxBatch, n)
	}
	return nil
}

// finish answers a batch: 207 as soon as one input failed.
func (s *Sim) finish(status int, results []objectBody, errs []*apiError) (int, any, error) {
	if s.behaviour.OmitTraceIDs {
		for i := range results {
			results[i].TraceID = ""
		}
	}
	if s.behaviour.ReverseBatchResults {
		slices.Reverse(results)
	}
	now := stamp(s.core.Clock.Now())
	if results == nil {
		results = []objectBody{}
	}
	if len(errs) > 0 {
		status = http.StatusMultiStatus
	}
	return status, batchBody{Status: "COMPLETE", Results: results, NumErrors: len(errs), Errors: errs, StartedAt: now, CompletedAt: now}, nil
}

// notFoundInBatch names the ids of a batch that do not exist.
func notFoundInBatch(k *kind, ids []string) []*apiError {
	if len(ids) == 0 {
		return nil
	}
	e := fail(http.StatusNotFound, categoryNotFound, "Could not get some %s objects, they may be deleted or not exist. Check that ids are valid.",
		strings.ToUpper(k.singular)).with("ids", ids...)
	return []*apiError{e}
}

func (s *Sim) batchRead(c *call) (int, any, error) {
	k, err := objectKind(c, false)
	if err != nil {
		return 0, nil, err
	}
	var in struct {
		IDProperty  string   `json:"idProperty"`
		Properties  []string `json:"properties"`
		WithHistory []string `json:"propertiesWithHistory"`
		Inputs      []struct {
			ID flexibleID `json:"id"`
		} `json:"inputs"`
	}
	if err := c.decode(&in); err != nil {
		return 0, nil, err
	}
	if err := checkBatchSize(len(in.Inputs)); err != nil {
		return 0, nil, err
	}
	archived := c.r.URL.Query().Get("archived") == "true"
	var results []objectBody
	var missing []string
	seen := map[string]bool{}
	for _, input := range in.Inputs {
		rec := s.find(k, string(input.ID))
		if archived {
			rec = s.deleted(k, string(input.ID))
		}
		if in.IDProperty != "" && in.IDProperty != "hs_object_id" {
			if rec, err = s.byUnique(k, in.IDProperty, string(input.ID), archived); err != nil {
				return 0, nil, err
			}
		}
		switch {
		case rec == nil:
			missing = append(missing, string(input.ID))
		case !seen[rec.id]:
			seen[rec.id] = true
			results = append(results, s.show(rec, rec.props, in.Properties))
		}
	}
	return s.finish(http.StatusOK, results, notFoundInBatch(k, missing))
}

// traced tells whether a batch asked for a result of its own for each input: every input has an
// objectWriteTraceId, and no two the same.
func traced(ids []string) bool {
	seen := map[string]bool{}
	for _, id := range ids {
		if id == "" || seen[id] {
			return false
		}
		seen[id] = true
	}
	return true
}

func (s *Sim) batchCreate(c *call) (int, any, error) {
	k, err := objectKind(c, true)
	if err != nil {
		return 0, nil, err
	}
	var in struct {
		Inputs []createInput `json:"inputs"`
	}
	if err := c.decode(&in); err != nil {
		return 0, nil, err
	}
	if err := checkBatchSize(len(in.Inputs)); err != nil {
		return 0, nil, err
	}
	var traces []string
	for _, input := range in.Inputs {
		traces = append(traces, input.TraceID)
	}
	w := batchWrite{perInput: traced(traces), claims: map[uniqueKey]string{}}
	for _, input := range in.Inputs {
		d, err := s.draftCreate(c, k, input, w.claims)
		if err := w.add(d, err, input.TraceID); err != nil {
			return 0, nil, err
		}
	}
	return s.finishWrite(http.StatusCreated, &w)
}

// batchWrite gathers the checked inputs of a batch that writes.
type batchWrite struct {
	perInput bool // a bad input fails alone
	claims   map[uniqueKey]string
	drafts   []*draft
	errs     []*apiError
}

// add takes the outcome of one check; it returns the error that fails the whole batch.
func (w *batchWrite) add(d *draft, err *apiError, trace string) error {
	switch {
	case err == nil:
		d.trace = trace
		w.drafts = append(w.drafts, d)
	case w.perInput:
		w.errs = append(w.errs, err.with("objectWriteTraceId", trace))
	default:
		return err
	}
	return nil
}

func (s *Sim) finishWrite(status int, w *batchWrite) (int, any, error) {
	var results []objectBody
	for _, d := range w.drafts {
		rec, err := s.commit(d)
		if err != nil {
			return 0, nil, err
		}
		out := s.showWritten(rec)
		out.TraceID = d.trace
		results = append(results, out)
	}
	return s.finish(status, results, w.errs)
}

func (s *Sim) batchArchive(c *call) (int, any, error) {
	k, err := objectKind(c, true)
	if err != nil {
		return 0, nil, err
	}
	var in struct {
		Inputs []struct {
			ID flexibleID `json:"id"`
		} `json:"inputs"`
	}
	if err := c.decode(&in); err != nil {
		return 0, nil, err
	}
	if err := checkBatchSize(len(in.Inputs)); err != nil {
		return 0, nil, err
	}
	for _, input := range in.Inputs {
		rec := s.find(k, string(input.ID))
		if rec == nil {
			continue
		}
		if err := s.log(sim.OpDelete, rec.ref, nil, nil); err != nil {
			return 0, nil, err
		}
		s.archive(rec)
	}
	return http.StatusNoContent, nil, nil
}
