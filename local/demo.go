package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/cloudformation"
	"github.com/bitmovin/bitmovin-export-access/local/console"
)

const (
	account    = "111122223333"
	region     = "eu-west-1"
	stackName  = "exports"
	bucketName = "my-analytics-exports"
	// roleName is given only so that the role's ARN fits into a line.
	roleName = "bitmovin"
	// propagation is how long a change in IAM takes to be effective everywhere.
	propagation = 2 * time.Second
)

// A story shows the life of a stack as a console would.
type story struct {
	*desk
	*console.Console
}

// demo tells the story on an AWS with these options. It fails if anything is not
// as it should be.
func demo(ctx context.Context, p parts, o aws.Options, c *console.Console) error {
	s := &story{Console: c}
	s.desk = newDesk(p, o, account, region, s.showEvent)
	defer s.close()
	s.addBucket(bucketName, "")
	return s.tell(ctx)
}

func (s *story) tell(ctx context.Context) error {
	start, err := s.snapshot()
	if err != nil {
		return err
	}
	s.Act("1. Create", "The template is deployed for the bucket "+bucketName+". "+
		"The stack completes only once the new role has really written to it.")
	stack, err := s.deploy(ctx, "")
	if err != nil {
		return err
	}
	if err := s.showChecks(stack.Outputs["Checks"]); err != nil {
		return err
	}
	s.showOutputs(stack, "AccessVerified", "BucketRegion", "ExternalId", "RoleArn", "OutputRequest")

	s.Act("2. Break", "Someone freezes the bucket. An update of the stack, so that Bitmovin writes only below exports/, "+
		"is refused and rolled back.")
	s.setBucketPolicy(nil)
	roles := s.exportRoles()
	reason, err := s.deployInVain(ctx, "exports/")
	if err != nil {
		return err
	}
	if !slices.Equal(s.exportRoles(), roles) {
		return errors.New("the rollback did not restore the role")
	}

	s.Act("3. Repair", "The role is what it was. The condition in the reason is pasted into the bucket's policy, "+
		"and the same update passes.")
	_, fix, _ := console.CutObject(reason)
	s.setBucketPolicy(fix)
	if stack, err = s.deploy(ctx, "exports/"); err != nil {
		return err
	}
	s.showOutputs(stack, "AccessVerified")

	s.Act("4. Delete", "The stack takes with it all that it and its function made.")
	return s.deleteAll(ctx, start)
}

// deploy deploys the template for the bucket and a prefix in it.
func (s *story) deploy(ctx context.Context, prefix string) (*cloudformation.Stack, error) {
	return s.stacks.Deploy(ctx, stackName, s.template, map[string]string{
		"BucketName": bucketName, "RoleName": roleName, "ObjectPrefix": prefix,
	})
}

// deployInVain is deploy when it must end in a rollback, and returns the reason.
func (s *story) deployInVain(ctx context.Context, prefix string) (reason string, err error) {
	stack, err := s.deploy(ctx, prefix)
	if stack == nil {
		return "", err
	}
	if stack.Status != "UPDATE_ROLLBACK_COMPLETE" {
		return "", fmt.Errorf("the stack should have been rolled back and is %s: %w", stack.Status, err)
	}
	failed := slices.IndexFunc(stack.Events, func(e cloudformation.Event) bool { return e.Status == "UPDATE_FAILED" })
	return stack.Events[failed].Reason, nil
}

// setBucketPolicy lets the bucket's policy deny all writes, under a condition.
func (s *story) setBucketPolicy(condition json.RawMessage) {
	type statement struct {
		Sid, Effect, Principal, Action, Resource string
		Condition                                json.RawMessage `json:",omitempty"`
	}
	policy := struct {
		Version   string
		Statement []statement
	}{"2012-10-17", []statement{{"Freeze", "Deny", "*", "s3:PutObject", "arn:aws:s3:::" + bucketName + "/*", condition}}}
	text, _ := json.Marshal(policy) // a condition is JSON, as it was cut out as such
	s.editBucketPolicy(string(text))
	s.Text(0, "The bucket's policy is now: "+string(text))
}

func (s *story) editBucketPolicy(text string) {
	s.cloud.Edit(func(state *aws.State) { state.Buckets[bucketName].Policy = text })
}

// deleteAll deletes the stack, and sees that the cloud is what it was at the
// start, but for the policy that someone gave to the bucket.
func (s *story) deleteAll(ctx context.Context, start string) error {
	before := s.holdings()
	if _, err := s.stacks.Delete(ctx, stackName); err != nil {
		return err
	}
	s.showHoldings(before, s.holdings())
	s.editBucketPolicy("")
	end, err := s.snapshot()
	if err != nil {
		return err
	}
	if end != start {
		return fmt.Errorf("the stack has left something:\n%s\nwas\n%s", end, start)
	}
	s.Heading("Nothing is left: the account is, byte for byte, what it was before.")
	return nil
}
