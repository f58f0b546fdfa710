package insecureedge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// maxETag is the longest ETag that is sent back.
const maxETag = 128

// text is one of what a fetcher fetches.
type text struct {
	url    string
	list   bool // of revocations
	accept func(signed []byte) error

	etag string // that the server gave to what was accepted last, "" for none
	same string // etagOf what was accepted last
}

// fetch fetches a text, and reports whether the node took it. The limits are of time and of length,
// and hold for what is read of the body too.
func (f *Fetcher) fetch(ctx context.Context, t *text) (accepted bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, f.cfg.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, t.url, http.NoBody)
	if err != nil {
		return false, fmt.Errorf("insecureedge: fetch: %w", err)
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("Accept-Encoding", "identity") // a small body must not become a large one
	if t.etag != "" {
		request.Header.Set("If-None-Match", t.etag)
	}
	response, err := f.client.Do(request)
	if err != nil {
		return false, fmt.Errorf("insecureedge: fetch %s: %w", request.URL.Path, withoutURL(err))
	}
	defer response.Body.Close()
	switch {
	case response.StatusCode == http.StatusNotModified && t.etag != "":
		return false, nil
	case response.StatusCode != http.StatusOK:
		return false, fmt.Errorf("insecureedge: fetch %s: status %d", request.URL.Path, response.StatusCode)
	case response.Header.Get("Content-Encoding") != "":
		return false, fmt.Errorf("insecureedge: fetch %s: an encoded body", request.URL.Path)
	}
	body, err := readAtMost(response.Body, response.ContentLength, f.cfg.MaxBytes)
	if err != nil {
		return false, fmt.Errorf("insecureedge: fetch %s: %w", request.URL.Path, err)
	}
	same := etagOf(body)
	if same == t.same { // a server or a proxy that knows no ETag
		return false, nil
	}
	if err := t.accept(body); err != nil {
		return false, fmt.Errorf("insecureedge: fetch %s: %w", request.URL.Path, err)
	}
	t.same, t.etag = same, response.Header.Get("ETag")
	if len(t.etag) > maxETag {
		t.etag = ""
	}
	return true, nil
}

// readAtMost reads a body that is no longer than limit. length is that of its header, -1 where it
// has none.
func readAtMost(body io.Reader, length, limit int64) ([]byte, error) {
	if length > limit {
		return nil, fmt.Errorf("%w: %d bytes, and at most %d are read", ErrInvalid, length, limit)
	}
	read, err := io.ReadAll(io.LimitReader(body, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(read)) > limit {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrInvalid, limit)
	}
	return read, nil
}

// withoutURL leaves out the URL, which a log need not have.
func withoutURL(err error) error {
	if of := (*url.Error)(nil); errors.As(err, &of) {
		return of.Err
	}
	return err
}
