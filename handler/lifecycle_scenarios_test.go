package main

import (
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/bitmovin/bitmovin-export-access/local/harness"
)

// A scenario is something that happens to a resource in the course of its life,
// and what is right then. After each of them, as after every test, each request has
// one answer of at most 4096 bytes, nothing is left behind, and no secret is in the
// logs.
type scenario struct {
	id, sequence, outcome string
	// test is the scenario; nil if the suites show all of it.
	test func(*testing.T)
	// suites are tests that show it in many ways.
	suites tests
}

type tests []func(*testing.T)

// inBubble is a scenario of one case.
func inBubble(test func(*testing.T)) func(*testing.T) {
	return func(t *testing.T) { t.Helper(); harness.Bubble(t, test) }
}

func scenarios() []scenario {
	return []scenario{
		{"1", "Create", "SUCCESS: role, trust, policy and tags exactly as specified, in three writes", nil, tests{TestCreate}},
		{"2", "Create with an invalid or unknown property, then Delete", "FAILED naming it, no call; SUCCESS", invalidProperty, tests{TestConsumer}},
		{"3", "The policy cannot be put, then Delete", "FAILED with the role's name; the role is removed", inBubble(policyFails), tests{TestFaults}},
		{"4", "The deadline comes when the role is made, then Delete", "one FAILED before it, with the role's name; removed", inBubble(deadlineReached), tests{TestFaults}},
		{"5", "Killed, then Lambda's retry", "the same role is completed: SUCCESS", inBubble(killedAndRetried), tests{TestFaults}},
		{"6", "Delete with an invented id, the role exists", "removed", cancelledCreate, nil},
		{"7", "The same while Create runs, at every call", "no role survives", nil, tests{TestInterleavings}},
		{"8", "Update in place of prefix, external id, tags, key, access mode, boundary", "same id, converged, verified", inBubble(updatedInPlace),
			tests{TestAccessMode, TestTags, TestKeys, TestBoundary, TestProviderChangesItsBoundary}},
		{"9", "Update of nothing but ServiceTimeout", "same id, no lasting write", inBubble(updatedForNothing), nil},
		{"10", "RoleName changed, then the cleanup's Delete", "new id; the old role is untouched until its Delete", inBubble(replaced), nil},
		{"11", "The same, then a sibling fails", "old id again, the new role is gone", inBubble(replacedAndRolledBack), tests{TestFaults}},
		{"12", "Update in place fails, rollback", "FAILED with the old id; the old policy is restored", inBubble(updateFails), tests{TestFaults}},
		{"12b", "The rollback's check would fail as well", "UPDATE_ROLLBACK_COMPLETE: reported, not enforced", inBubble(rollbackReports), nil},
		{"12c", "Rollback to properties that this version does not know", "restored", inBubble(rollbackToUnknown), nil},
		{"13", "Replacing Update fails at any call, rollback", "no orphan", nil, tests{TestFaults}},
		{"14", "Rollback when the role was removed by hand", "made again", rollbackOfVanished, tests{TestFaults}},
		{"15", "Delete twice; Delete when the role is gone", "SUCCESS", deletedTwice, nil},
		{"16", "The same request again, after its answer", "the same answer, no lasting write", inBubble(sameRequestAgain), nil},
		{"17", "The same request twice at once, at every call", "one role, both SUCCESS", nil, tests{TestInterleavings}},
		{"18", "Create delivered again after Delete", "no role", inBubble(lateCreate), tests{TestInterleavings}},
		{"19", "The answer's PUT is answered 500, 503, then 200", "tried again, with the same bytes", inBubble(answerRetried), nil},
		{"20", "It is reset, hangs, drips", "a timeout for each try, tried again", inBubble(answerCutOff), nil},
		{"21", "It is answered 403", "no further try; an error without secrets; the verdict stays", inBubble(answerRefused), nil},
		{"22", "It fails until the deadline", "an error; the retry delivers the same verdict", inBubble(answerNotTaken), nil},
		{"23", "IAM throttles", "repeated: SUCCESS", nil, tests{TestLoad, TestFaults}},
		{"24", "ConcurrentModification, EntityTemporarilyUnmodifiable", "repeated: SUCCESS", inBubble(busy), tests{TestFaults}},
		{"25", "NoSuchEntity right after CreateRole", "repeated for a while: SUCCESS", inBubble(readsLag), tests{TestFaults, TestJustMade}},
		{"26", "The role cannot be assumed for 5 s, for 15 s, for ever", "waits; waits; FAILED that says it has not propagated", nil, tests{TestPropagation}},
		{"27", "The name is taken by a role without tags", "FAILED, untouched; Delete leaves it", foreignRole, nil},
		{"28", "The name is taken by another stack's role", "the same, naming that stack", inBubble(anotherStacksRole), tests{TestConsumer}},
		{"29", "Policy, trust and boundary edited by hand, then Update", "restored, the boundary first", inBubble(driftPutRight), tests{TestBoundary, TestPlantedRole}},
		{"30", "More policies, then Delete; an instance profile, then Delete", "the role is gone; FAILED that says so", strippedAndDeleted, nil},
		{"31", "Ownership tags removed by hand, then Delete", "SUCCESS, untouched, told in the log", inBubble(untaggedByHand), nil},
		{"32", "Two stacks, one bucket", "two roles; deleting one leaves the other", inBubble(twoStacks), nil},
		{"33", "Bucket missing; another account's; another region's; HeadBucket denied", "FAILED; FAILED naming both causes, or SUCCESS with the right owner; SUCCESS; SUCCESS", nil,
			tests{TestNoBucket, TestWrongOwner, TestBuckets, TestRegions}},
		{"34", "Malformed JSON; no ResponseURL; http; an unknown RequestType", "an error, or FAILED where it can be told; no call", unanswerable, tests{TestForgedEvent}},
		{"35", "Too little time is left at the start", "FAILED at once, no call", inBubble(tooLittleTime), nil},
		{"36", "A reason of 10 KB; multi-byte; invalid UTF-8; characters that JSON escapes", "at most 4096 bytes, valid JSON", longReason, tests{TestReasonIsWhole}},
		{"37", "Attributes too big", "FAILED with the id of what was made", inBubble(tooMuchData), nil},
		{"38", "A panic, in a goroutine", "FAILED once, no retry", inBubble(panicked), nil},
		{"39", "Expired credentials; a disabled region", "FAILED without repeating calls, readable", credentialsExpired, nil},
		{"40", "Delete with properties of another version, or none", "SUCCESS", oldProperties, nil},
		{"41", "Logical id renamed", "no collision", inBubble(renamedResource), nil},
		{"42", "Each action denied, by each layer; the role cannot be assumed at all", "FAILED naming action, layer and the statement to add", nil, tests{TestDenialIsFixed}},
		{"43", "Each action missing from the role's policy", "FAILED naming it", nil, tests{TestPolicyEditedMeanwhile}},
		{"44", "The bucket's policy grants the role's session more", "SUCCESS with WARN; no marker, no delete marker", nil, tests{TestTooMuch}},
		{"45", "ACLs disabled or not; retention; versioning; no object may be written", "PASS or FAIL by a real call; no version, no upload left", nil, tests{TestPutObjectACL, TestBuckets, TestPartsProveLess}},
		{"46", "A check fails with Verification Warn; Off", "SUCCESS with the verdicts; SUCCESS with skipped", nil, tests{TestWarnAndOff}},
		{"47", "Killed between the two edits of the trust policy, then the retry; the next event; nothing", "the verifier statement is gone; gone; expired, and grants nothing", killedBetweenTrustEdits, tests{TestFaults}},
		{"48", "Many creates and deletes at once, IAM at 10 calls a second", "all answered, nothing left, of 200 stacks", nil, tests{TestLoad}},
		{"49", "Another case of RoleName; RoleName taken away, with a second Delete of the old", "same id; the live role untouched", otherCase, nil},
		{"50", "Another account's StackId; a foreign role at another path", "refused, no call; FAILED, untouched: 27", nil, tests{TestForgedEvent}},
		{"51", "First install: the function's own permissions lag by 10 s", "SUCCESS, the key's statement included", nil, tests{TestFirstInstall}},
		{"52", "The default external id", "stable over updates, no part of the role's ARN", inBubble(defaultExternalID), nil},
		{"53", "The output at Bitmovin: every call struck; delivered twice; cancelled; API down", "one output, or none; never another's", nil,
			tests{TestOutputFaults, TestDeliveredTwice, TestCancelledCreate, TestDown, TestDeleteLeavesForeignOutputs}},
		{"54", "The provider's boundary narrowed so that an action is denied, by another ARN and by new content under the same; in force after 8 s",
			"FAILED naming the boundary, never verified", narrowedBoundary, tests{TestRemovedPolicies, TestNothingNarrowed}},
		{"55", "Full to Restricted, in force after 12 s", "SUCCESS, NoReadAccess and NoDeleteAccess PASS", inBubble(fullToRestricted), tests{TestTakenAway}},
		{"56", "The bucket or its key is not there, or not ready, for 5 s after it was made; a conflict on a write for 5 s", "SUCCESS", newBucket, nil},
		{"57", "The function's own policy is in force after 30 s; IAM shows a deleted role for 20 s", "SUCCESS; SUCCESS", lateOwnPolicy, nil},
		{"58", "The resource is removed from its stack before, or while, a late Create or Update runs", "FAILED, no role", removedFromItsStack, nil},
		{"59", "A replacing Update is delivered again while its cleanup deletes the old role; the old incarnation's status is shown, or the new one's", "the new role stays", redeliveredDuringCleanup, nil},
		{"59b", "A replacing Update is cancelled; the resource has its old id", "the new role is gone", replacementCancelled, tests{TestTakenForARollback}},
		{"60", "Create fails, Create again succeeds with the same role, then the first one's Delete", "FAILED that says so, or SUCCESS where the id is no role's; the live role stays", sharedRole, nil},
		{"60b", "The stack does not list a resource while it is created", "Create works", createdUnlisted, nil},
		{"61", "A write of a rollback is denied, and changes nothing; every call of the checks is", "UPDATE_ROLLBACK_COMPLETE, the role restored", rollbackDenied, nil},
		{"63", "Another account's bucket: each ownership, each kind of default key", "WARN where the bucket's owner could not read the exports, and none once the owner has done what it says", nil,
			tests{TestForeignBucket, TestForeignKeyNamed, TestForeignACL}},
		{"64", "RoleNamePrefix of the provider is changed while roles exist", "FAILED that says so, rolled back; nothing is lost, and all goes on once the former one is back",
			changedPrefix, tests{TestPrefixChangedBeforeRollback, TestPrefixChangedBeforeReplacementIsUndone, TestPrefixChangedBeforeRoleIsMadeAgain}},
		{"66", "Random histories: events, duplicates, delays, kills, faults, edits by hand, propagation, in any order, from a seed", "the promises above, always", nil,
			tests{TestHistories}},
		{"67", "First install: the function's own calls are denied for 170 s, as no identity-based policy allows them; by an SCP", "SUCCESS; FAILED after seconds",
			veryLateOwnPolicy, tests{TestFirstInstall}},
		{"68", "A local AWS: the answer goes over http to localhost, or to the host of AWS_ENDPOINT_URL; elsewhere", "answered; refused, no call", nil, tests{TestLocalAWS}},
	}
}

// TestScenarios runs those that have a test of their own.
func TestScenarios(t *testing.T) {
	t.Parallel()
	for _, s := range scenarios() {
		if s.test != nil {
			t.Run(s.id, s.test)
		}
	}
}

// TestReliabilityPage: the table of scenarios in docs/reliability.md is theirs;
// -update writes it.
func TestReliabilityPage(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("| # | sequence | right outcome | shown by |\n|---|---|---|---|\n")
	for _, s := range scenarios() {
		if s.test == nil && len(s.suites) == 0 {
			t.Errorf("nothing shows scenario %s", s.id)
		}
		var shown []string
		if s.test != nil {
			shown = append(shown, "`TestScenarios/"+s.id+"`")
		}
		for _, suite := range s.suites {
			name := runtime.FuncForPC(reflect.ValueOf(suite).Pointer()).Name()
			shown = append(shown, "`"+name[strings.LastIndex(name, ".")+1:]+"`")
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", s.id, s.sequence, s.outcome, strings.Join(shown, ", "))
	}
	generated(t, "scenarios", b.String())
}
