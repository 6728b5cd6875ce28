package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/bitmovin/bitmovin-export-access/local/bitmovin"
	"github.com/bitmovin/bitmovin-export-access/local/harness"
)

// down is an API that does not serve an operation, or does and does not say so.
func down(op string, after bool) *bitmovin.Fault {
	return &bitmovin.Fault{Op: op, After: after, Status: http.StatusServiceUnavailable, Body: "down for maintenance"}
}

// TestDown: with Bitmovin down until the deadline a request fails in time, with
// the status, and nothing is left once Bitmovin is back.
func TestDown(t *testing.T) {
	t.Parallel()
	for name, inject := range map[string]func(*bitmovin.API){
		"every call":             func(a *bitmovin.API) { a.Inject(down("", false)) },
		"every answer":           func(a *bitmovin.API) { a.Inject(down("", true)) },
		"the create":             func(a *bitmovin.API) { a.Inject(down("create", false)) },
		"the create's answer on": downFromCreate,
		"the look before it":     func(a *bitmovin.API) { a.Inject(down("list", false)) },
	} {
		harness.Run(t, "create, from "+name, func(t *testing.T) {
			e := newOutputProviderEnv(t, options{})
			inject(e.API)
			s, err := e.deployOutput(anOutput)
			if err == nil || !strings.Contains(err.Error(), "503 Service Unavailable") {
				t.Errorf("stack is %s: %v, want one with the status", s.Status, err)
			}
			e.API.Heal()
			e.Delete(outputStack)
			e.WantInTime()
		})
	}
	harness.Run(t, "replace, from the create's answer on", func(t *testing.T) {
		e := newOutputProviderEnv(t, options{})
		e.healOnRollback()
		e.mustDeployOutput(anOutput)
		before := e.output()
		downFromCreate(e.API)
		s, err := e.deployOutput(anOutput.With(properties{"Description": "new"}))
		if err == nil || s.Status != "UPDATE_ROLLBACK_COMPLETE" || s.Resources[outputID].PhysicalID != before.ID || e.output().ID != before.ID {
			t.Errorf("stack is %s (%v) with %+v, want UPDATE_ROLLBACK_COMPLETE with %s", s.Status, err, e.output(), before.ID)
		}
		e.WantInTime()
	})
	harness.Run(t, "delete", func(t *testing.T) {
		e := newOutputProviderEnv(t, options{})
		e.mustDeployOutput(anOutput)
		e.API.Inject(down("", false))
		if s, err := e.Engine.Delete(e.Context(), outputStack); err == nil || s.Status != "DELETE_FAILED" {
			t.Errorf("stack is %v: %v, want DELETE_FAILED", s, err)
		}
		e.API.Heal()
		e.WantInTime()
	})
	harness.Run(t, "an answer that hangs", func(t *testing.T) {
		e := newOutputProviderEnv(t, options{})
		e.API.Inject(&bitmovin.Fault{Op: "create", Times: 1, After: true, Hang: true})
		s := e.mustDeployOutput(anOutput)
		e.wantOutputOf(s)
		e.wantCreates(1)
	})
}

// downFromCreate takes the API down once an output is registered.
func downFromCreate(a *bitmovin.API) {
	a.Inject(&bitmovin.Fault{Op: "create", Times: 1, After: true, Reset: true, Do: func() { a.Inject(down("", false)) }})
}
