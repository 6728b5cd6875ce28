package eventual

import "time"

// The windows: how long after a change an answer may still be that of before.
const (
	// OwnPolicy is for a call of the function's own which the request cannot do
	// without, and which no identity-based policy allows, as AWS says: the
	// function's policy is not in force yet. 177 s were seen.
	// https://github.com/go-to-k/cdkd/issues/755
	OwnPolicy = 180 * time.Second
	// OwnUnexplained is for the same where AWS does not say which policy denies.
	OwnUnexplained = 60 * time.Second
	// Refused is for the same by an explicit Deny, by what the organization
	// allows, or by the function's boundary.
	Refused = 5 * time.Second
	// JustMade is for a role or boundary that was just made and is not there.
	JustMade = 60 * time.Second
	// Optional is for a denial of the function's own reads that it can do without,
	// above all of the bucket's configuration: of another account's bucket that is
	// ordinary.
	Optional = 20 * time.Second
	// RoleChanged is for a denial of the role's calls after the role, its trust or
	// its permissions were made or changed: usually it takes 7 to 12 s.
	RoleChanged = 120 * time.Second
	// TakenAway is for a call of the role's that is to be denied, after what may
	// have allowed it was taken away.
	TakenAway = 120 * time.Second
	// Narrowed is how old the change of a boundary, or the removal of a policy, must
	// be before what is allowed is believed.
	Narrowed = 20 * time.Second
	// Unchanged is for a denial of the role's calls where this request changed
	// nothing that could explain it: somebody may just have changed a policy.
	Unchanged = 5 * time.Second
	// NewBucket is for a bucket or its key that is not there, or not ready.
	NewBucket = 20 * time.Second
	// InventedID is for a Delete that finds nothing: its Create may be at work.
	InventedID = 5 * time.Second
	// OtherIncarnation is for a status that may be another incarnation's of the
	// resource, or may not have been brought up to date yet.
	OtherIncarnation = 30 * time.Second
	// Unlisted is how long after the first time a stack must still have no such
	// resource for it to be removed.
	Unlisted = 5 * time.Second
	// Unseen is for a rollback that could not write all: IAM's reads may show the role
	// as it was before the last write.
	Unseen = 10 * time.Second
	// DeletedRole is for a role that IAM shows after a deletion whose answer was lost,
	// or cannot delete yet, such as one whose policies were just taken.
	DeletedRole = 60 * time.Second
)
