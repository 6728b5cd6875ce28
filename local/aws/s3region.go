package aws

import (
	"net/http"
	"slices"
)

// optInRegions are those that an account must enable first.
// https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html
var optInRegions = []string{
	"af-south-1", "ap-east-1", "ap-east-2", "ap-south-2", "ap-southeast-3", "ap-southeast-4", "ap-southeast-5", "ap-southeast-6",
	"ap-southeast-7", "ca-west-1", "eu-central-2", "eu-south-1", "eu-south-2", "il-central-1", "me-central-1", "me-south-1", "mx-central-1",
}

// wrongOptInRegion is the code of [errOtherRegion] if one of the regions is an
// opt-in region. Only to a HEAD S3 then names the bucket's region.
// https://github.com/boto/botocore/pull/3303
const wrongOptInRegion = "IllegalLocationConstraintException"

// errOtherRegion is S3's answer to a call that is made in another region than
// the bucket's.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/Redirects.html
// https://github.com/aws/aws-sdk-java-v2/pull/5678
func errOtherRegion(asked, region string) *Error {
	if slices.Contains(optInRegions, asked) || slices.Contains(optInRegions, region) {
		return fail(http.StatusBadRequest, wrongOptInRegion,
			"The %s location constraint is incompatible for the region specific endpoint this request was sent to.", region)
	}
	return fail(http.StatusMovedPermanently, "PermanentRedirect",
		"The bucket you are attempting to access must be addressed using the specified endpoint. "+
			"Please send all future requests to this endpoint.")
}
