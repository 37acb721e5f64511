package simhubspot

import "net/http"

// updateInput is one input of a batch update or upsert.
type updateInput struct {
	ID         flexibleID `json:"id"`
	IDProperty string     `json:"idProperty"`
	Properties values     `json:"properties"`
	TraceID    string     `json:"objectWriteTraceId"`
}

func (c *call) decodeUpdates() ([]updateInput, bool, *apiError) {
	var in struct {
		Inputs []updateInput `json:"inputs"`
	}
	if err := c.decode(&in); err != nil {
		return nil, false, err
	}
	traces := make([]string, len(in.Inputs))
	for i, input := range in.Inputs {
		traces[i] = input.TraceID
	}
	return in.Inputs, traced(traces), checkBatchSize(len(in.Inputs))
}

// batchUpdate changes records by id. Unlike the single PATCH it neither follows a merged contact's
// old id nor takes an e-mail address; ids that do not exist fail alone, and one that stands there twice fails all.
func (s *Sim) batchUpdate(c *call) (int, any, error) {
	k, err := objectKind(c, true)
	if err != nil {
		return 0, nil, err
	}
	inputs, perInput, err := c.decodeUpdates()
	if err != nil {
		return 0, nil, err
	}
	w := batchWrite{perInput: perInput, claims: map[uniqueKey]string{}}
	var missing []string
	seen := map[flexibleID]bool{}
	for _, input := range inputs {
		if seen[input.ID] {
			return 0, nil, invalid("Duplicate IDs found in batch input: [%s]", input.ID)
		}
		seen[input.ID] = true
		rec := s.find(k, string(input.ID))
		if p := input.IDProperty; p != "" && p != "hs_object_id" {
			if p == "email" {
				return 0, nil, invalid("Unable to perform update/upsert by non-unique %s property %s", k.typeID, p)
			}
			if rec, err = s.byUnique(k, p, string(input.ID), false); err != nil {
				return 0, nil, err
			}
		}
		if rec == nil {
			missing = append(missing, string(input.ID))
			if perInput {
				w.errs = append(w.errs, notFoundInBatch(k, []string{string(input.ID)})[0].with("objectWriteTraceId", input.TraceID))
			}
			continue
		}
		d, err := s.draftUpdate(c, k, rec, input.Properties, w.claims)
		if err := w.add(d, err, input.TraceID); err != nil {
			return 0, nil, err
		}
	}
	if !perInput {
		w.errs = append(w.errs, notFoundInBatch(k, missing)...)
	}
	return s.finishWrite(http.StatusOK, &w)
}

// batchUpsert changes the record that has the unique value, or creates it. A bad input fails the
// whole batch: by e-mail the portal knows no partial upserts.
func (s *Sim) batchUpsert(c *call) (int, any, error) {
	k, err := objectKind(c, true)
	if err != nil {
		return 0, nil, err
	}
	inputs, perInput, err := c.decodeUpdates()
	if err != nil {
		return 0, nil, err
	}
	claims, seen := map[uniqueKey]string{}, map[uniqueKey]bool{}
	var drafts []*draft
	for _, input := range inputs {
		if input.IDProperty == "" || input.IDProperty == "hs_object_id" {
			return 0, nil, invalid("An upsert needs an idProperty with unique values")
		}
		key := uniqueKey{k.name, input.IDProperty, string(input.ID)}
		if seen[key] {
			return 0, nil, invalid("Duplicate IDs found in batch input: [%s]", input.ID)
		}
		seen[key] = true
		d, err := s.draftUpsert(c, k, input, claims)
		if err != nil {
			if perInput {
				err = err.with("objectWriteTraceId", input.TraceID)
			}
			return 0, nil, err
		}
		drafts = append(drafts, d)
	}
	var results []objectBody
	for _, d := range drafts {
		isNew := d.rec == nil
		rec, err := s.commit(d)
		if err != nil {
			return 0, nil, err
		}
		out := s.showWritten(rec)
		out.New, out.TraceID = &isNew, d.trace
		results = append(results, out)
	}
	return s.finish(http.StatusOK, results, nil)
}

func (s *Sim) draftUpsert(c *call, k *kind, input updateInput, claims map[uniqueKey]string) (*draft, *apiError) {
	id := string(input.ID)
	rec, err := s.byUnique(k, input.IDProperty, id, false)
	if err != nil {
		return nil, err
	}
	var d *draft
	if rec != nil {
		d, err = s.draftUpdate(c, k, rec, input.Properties, claims)
	} else {
		props := values{input.IDProperty: &id}
		for name, v := range input.Properties {
			props[name] = v
		}
		d, err = s.draftCreate(c, k, createInput{Properties: props}, claims)
	}
	if err != nil {
		return nil, err
	}
	d.trace = input.TraceID
	return d, nil
}
