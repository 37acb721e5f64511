package main

import (
	"regexp"

	"crm-connectors/api"
)

// mostRequests and mostConnections are beyond what one process can take; a larger number is a slip.
const (
	mostRequests    = 100_000_000
	mostConnections = 1_000_000
)

var headerName = regexp.MustCompile(`^[A-Za-z0-9-]{1,64}$`)

func (c *checker) limits(v variables) Limits {
	l := Limits{
		Rates: api.Rates{
			Service:       c.between("RATE_LIMIT_SERVICE", v.RateService, 0, mostRequests),
			Hook:          c.between("RATE_LIMIT_HOOK", v.RateHook, 0, mostRequests),
			Person:        c.between("RATE_LIMIT_PERSON", v.RatePerson, 0, mostRequests),
			Address:       c.between("RATE_LIMIT_ADDRESS", v.RateAddress, 0, mostRequests),
			Workspace:     c.between("RATE_LIMIT_WORKSPACE", v.RateWorkspace, 0, mostRequests),
			AddressHeader: v.AddressHeader,
		},
		Connections:           c.between("CONNECTIONS_MAX", v.Connections, 0, mostConnections),
		ConnectionsPerAddress: c.between("CONNECTIONS_PER_ADDRESS", v.AddressConnection, 0, mostConnections),
	}
	if v.AddressHeader != "" && !headerName.MatchString(v.AddressHeader) {
		c.add("CLIENT_ADDRESS_HEADER", "is not the name of a header")
	}
	return l
}
