package store

import (
	"errors"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// Away says whether err means that the database could not be reached, was lost on the way or is about to stop: nothing is wrong with what was
// asked, and asking again later is all that helps. The SQLSTATE classes are those of
// https://www.postgresql.org/docs/current/errcodes-appendix.html.
func Away(err error) bool {
	var connecting *pgconn.ConnectError
	var pg *pgconn.PgError
	var network net.Error
	switch {
	case errors.As(err, &connecting), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return true
	case errors.As(err, &pg):
		return strings.HasPrefix(pg.Code, "08") || strings.HasPrefix(pg.Code, "53") || strings.HasPrefix(pg.Code, "57P")
	}
	return errors.As(err, &network) && !network.Timeout()
}
