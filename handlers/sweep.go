package handlers

import (
	"context"

	"crm-connectors/api"
)

// Sweep does at once what the delivery does by itself every few seconds.
func (h *Handlers) Sweep(ctx context.Context, _ api.SweepRequestObject) (api.SweepResponseObject, error) {
	if err := h.engine.Sweep(ctx); err != nil {
		return nil, err
	}
	return api.Sweep200JSONResponse{Status: api.SweptStatusSwept}, nil
}
