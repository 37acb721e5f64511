package console

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"

	"github.com/go-chi/chi/v5"
)

//go:embed static/*
var staticFiles embed.FS

//go:embed pages/*.html
var pageFiles embed.FS

const staticBase = Base + "/static/"

// assets are the files of static/ under names that carry a hash of their content, so that a browser may keep them for ever.
type assets struct {
	paths map[string]string // by file name
	files map[string][]byte // by the name with the hash
}

func loadAssets() (assets, error) {
	a := assets{paths: map[string]string{}, files: map[string][]byte{}}
	entries, err := fs.ReadDir(staticFiles, "static")
	if err != nil {
		return a, fmt.Errorf("static files: %w", err)
	}
	for _, e := range entries {
		data, err := fs.ReadFile(staticFiles, "static/"+e.Name())
		if err != nil {
			return a, fmt.Errorf("static files: %w", err)
		}
		sum := sha256.Sum256(data)
		ext := path.Ext(e.Name())
		hashed := strings.TrimSuffix(e.Name(), ext) + "." + hex.EncodeToString(sum[:6]) + ext
		a.paths[e.Name()], a.files[hashed] = staticBase+hashed, data
	}
	return a, nil
}

// path is where a file of static/ is served.
func (a assets) path(name string) (string, error) {
	p, ok := a.paths[name]
	if !ok {
		return "", fmt.Errorf("there is no static file %q", name)
	}
	return p, nil
}

func (a assets) serve(w http.ResponseWriter, r *http.Request) {
	name := chi.URLParam(r, "name")
	data, ok := a.files[name]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", mime.TypeByExtension(path.Ext(name)))
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	_, _ = w.Write(data)
}
