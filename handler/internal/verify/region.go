package verify

import (
	"slices"
	"strings"
)

// isBitmovinRegion reports whether Bitmovin's API has a name for a region. None
// of those is an opt-in region.
// https://github.com/bitmovin/bitmovin-api-sdk-go/blob/main/model/aws_cloud_region.go
// https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html
func isBitmovinRegion(region string) bool {
	return slices.Contains([]string{
		"US_EAST_1", "US_EAST_2", "US_WEST_1", "US_WEST_2", "EU_WEST_1", "EU_WEST_2", "EU_WEST_3", "EU_CENTRAL_1", "EU_NORTH_1",
		"AP_SOUTHEAST_1", "AP_SOUTHEAST_2", "AP_NORTHEAST_1", "AP_NORTHEAST_2", "AP_SOUTH_1", "SA_EAST_1", "CA_CENTRAL_1",
	}, strings.ToUpper(strings.ReplaceAll(region, "-", "_")))
}
