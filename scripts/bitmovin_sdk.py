#!/usr/bin/env python3
"""Uses a Bitmovin API with Bitmovin's own SDK, as a customer's program does.

usage: bitmovin_sdk.py URL outputs
       bitmovin_sdk.py URL read ID

outputs makes an output of each external id mode, with every field that the SDK
knows, gets it, lists it, reads its custom data and deletes it; it ends with an
error if anything comes back otherwise than it was sent. read prints an output
as the SDK reads it, got, listed and with its custom data, as JSON. The API key
is the variable BITMOVIN_API_KEY.

https://developer.bitmovin.com/encoding/docs/python-sdk (bitmovin-api-sdk)
"""

import json
import os
import sys
from enum import Enum

try:
    from bitmovin_api_sdk import (
        AclEntry,
        AclPermission,
        AnalyticsS3RoleBasedOutput,
        AnalyticsS3RoleBasedOutputListQueryParams,
        AwsCloudRegion,
        BitmovinApi,
        BitmovinApiLoggerBase,
        BitmovinError,
        ExternalIdMode,
        S3SignatureVersion,
    )
except ImportError as error:
    sys.exit(f"bitmovin_sdk.py: this python3 has no bitmovin-api-sdk ({error}): run make test-bitmovin")

# What the API sets.
READ_ONLY = {"id", "created_at", "modified_at"}


class Silent(BitmovinApiLoggerBase):
    """The SDK's own logger prints the API key."""

    def log(self, message, data=None):
        pass

    def error(self, message, data=None):
        pass


def expect(what, got, want):
    if got != want:
        sys.exit(f"bitmovin_sdk.py: {what}: got {got!r}, want {want!r}")


def plain(value):
    """A value of the SDK's as JSON has it."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, AclEntry):
        return {"permission": plain(value.permission), "scope": value.scope}
    if isinstance(value, list):
        return [plain(v) for v in value]
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return value


def fields(model):
    """An output of the SDK's by the names of the SDK's fields."""
    return {name: plain(getattr(model, name)) for name in AnalyticsS3RoleBasedOutput().attribute_map}


def outputs_of_each_mode():
    """What is to be registered: between them, every field and every value of an enumeration."""
    regions, versions = list(AwsCloudRegion), list(S3SignatureVersion)
    permissions = [[AclPermission.PUBLIC_READ], [AclPermission.PRIVATE], list(AclPermission)]
    for number, region in enumerate(regions):
        mode = list(ExternalIdMode)[number % len(ExternalIdMode)]
        yield AnalyticsS3RoleBasedOutput(
            name=f"sdk {mode.value} {number}",
            description="Made by Bitmovin's SDK: ä, 漢",
            custom_data={"owner": "sdk", "nested": {"number": number, "list": [True, None]}},
            acl=[AclEntry(permission=p, scope="not used") for p in permissions[number % len(permissions)]],
            bucket_name="my-analytics-exports",
            role_arn="arn:aws:iam::123456789012:role/exports",
            external_id="chosen-by-the-customer" if mode is ExternalIdMode.CUSTOM else None,
            external_id_mode=mode,
            md5_meta_tag="md5",
            cloud_region=region,
            signature_version=versions[number % len(versions)],
        )


def listed(api, name):
    """The outputs of that name, from a list that is read to its end."""
    found, offset = [], 0
    while True:
        page = api.list(AnalyticsS3RoleBasedOutputListQueryParams(name=name, offset=offset, limit=5))
        found += page.items
        offset += len(page.items)
        if not page.items or offset >= page.total_count:
            return found


def use(api, wanted):
    """Takes one output through its life, and returns what it was registered as."""
    sent = fields(wanted)
    # A model that has learned a field has to be tested with it.
    missing = {name for name, value in sent.items() if value in (None, [])} - READ_ONLY
    if wanted.external_id_mode is not ExternalIdMode.CUSTOM:
        missing.discard("external_id")
    expect("fields of the SDK's model that this test does not set", missing, set())

    registered = api.create(wanted)
    got = fields(registered)
    for name in READ_ONLY | {"external_id"}:
        expect(f"{name} is there", bool(got[name]), True)
    for name, value in sent.items():
        if value is not None:
            expect(f"{wanted.name}: {name} when created", got[name], value)

    expect(f"{wanted.name}: as got", fields(api.get(registered.id)), got)
    expect(f"{wanted.name}: as listed", [fields(o) for o in listed(api, wanted.name)], [got])
    expect(f"{wanted.name}: custom data", api.customdata.get(registered.id).custom_data, wanted.custom_data)
    return registered


def refused(what, status, call):
    try:
        call()
    except BitmovinError as error:
        expect(f"status of {what}", error.http_status_code, status)
    else:
        sys.exit(f"bitmovin_sdk.py: {what} succeeded, want status {status}")


def outputs(api):
    registered = [use(api, wanted) for wanted in outputs_of_each_mode()]
    external = {}
    for output in registered:
        external.setdefault(output.external_id_mode, set()).add(output.external_id)
    for mode, ids in sorted(external.items(), key=lambda item: item[0].value):
        count = sum(o.external_id_mode is mode for o in registered)
        expect(
            f"different external ids of {count} outputs with {mode.value}",
            len(ids),
            count if mode is ExternalIdMode.GENERATED else 1,
        )
        print(f"{mode.value}: {count} outputs created, got, listed, their custom data read; {len(ids)} external ids")
    print("fields: " + ", ".join(sorted(AnalyticsS3RoleBasedOutput().attribute_map.values())))
    expect("outputs that are listed in pages of 5", {o.id for o in listed(api, None)}, {o.id for o in registered})

    first, others = registered[0], registered[1:]
    refused("an external id of the customer's with GENERATED", 400, lambda: api.create(AnalyticsS3RoleBasedOutput(
        bucket_name="b", role_arn="r", external_id="mine", external_id_mode=ExternalIdMode.GENERATED)))
    for output in registered:
        expect("id of what was deleted", api.delete(output.id).id, output.id)
    refused("a get of what was deleted", 404, lambda: api.get(first.id))
    refused("another deletion", 404, lambda: api.delete(others[0].id))
    expect("outputs that are left", listed(api, None), [])
    print(f"deleted: {len(registered)}; a get and a deletion after it are 404, a wrong external id is 400")


def read(api, output_id):
    got = api.get(output_id)
    print(json.dumps({
        "got": fields(got),
        "listed": [fields(o) for o in listed(api, got.name)],
        "customData": api.customdata.get(output_id).custom_data,
    }))


def main():
    commands = {"outputs": outputs, "read": read}
    if len(sys.argv) not in (3, 4) or sys.argv[2] not in commands:
        sys.exit(__doc__)
    api = BitmovinApi(api_key=os.environ["BITMOVIN_API_KEY"], base_url=sys.argv[1], logger=Silent())
    try:
        commands[sys.argv[2]](api.analytics.outputs.s3_role_based, *sys.argv[3:])
    except BitmovinError as error:
        sys.exit(f"bitmovin_sdk.py: {error.http_request_method} {error.http_request_url}: {error}")


if __name__ == "__main__":
    main()
