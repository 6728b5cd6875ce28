// Decides on requests to AWS by @cloud-copilot/iam-simulate.
//
// usage: node oracle.mjs FOLDER <requests >decisions
//
// FOLDER has the package in its node_modules. Each line of standard input is a
// decision of local/aws as JSON, without what was decided; each line of standard
// output is {"result": …} (Allowed, ImplicitlyDenied or ExplicitlyDenied), with the
// condition keys that such a request does not have as "ignored", or {"error": …}.

import { createRequire } from 'node:module'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'

const require = createRequire(resolve(process.argv[2], 'package.json'))
const { runSimulation } = require('@cloud-copilot/iam-simulate')

const parsed = new Map()

// everybody writes Principal {"AWS": "*"} as "*", which is the same: of an endpoint's
// policy the simulator takes only that.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html#principal-anonymous
function everybody(policy) {
  for (const statement of [policy.Statement].flat()) {
    if (JSON.stringify(statement.Principal) === '{"AWS":"*"}') statement.Principal = '*'
  }
  return policy
}

function policies(request, layer) {
  return (request.Policies[layer] ?? []).map((text, i) => {
    if (!parsed.has(text)) parsed.set(text, everybody(JSON.parse(text)))
    return { name: `${layer} ${i}`, policy: parsed.get(text) }
  })
}

// one returns the only policy that there may be.
function one(request, ...layers) {
  const found = layers.flatMap((layer) => policies(request, layer))
  if (found.length > 1) throw new Error(`${found.length} policies where the simulator takes one: ${layers}`)
  return found[0]?.policy
}

// level is one level of an organization, whose policies are of one kind.
function level(found) {
  return found.length === 0 ? [] : [{ orgIdentifier: 'o-1', policies: found }]
}

async function decide(request) {
  const boundary = policies(request, 'permissions boundary')
  const endpoint = policies(request, 'VPC endpoint policy')
  const answer = await runSimulation(
    {
      request: {
        principal: request.Principal,
        action: request.Action,
        resource: { resource: request.Resource, accountId: request.ResourceAccount },
        contextVariables: request.Context,
      },
      identityPolicies: policies(request, 'identity-based policy'),
      sessionPolicy: one(request, 'session policy'),
      permissionBoundaryPolicies: boundary.length === 0 ? undefined : boundary,
      resourcePolicy: one(request, 'resource-based policy', 'role trust policy', 'key policy'),
      serviceControlPolicies: level(policies(request, 'service control policy')),
      resourceControlPolicies: level(policies(request, 'resource control policy')),
      vpcEndpointPolicies: endpoint.length === 0 ? undefined : endpoint,
    },
    {}
  )
  if (answer.resultType === 'error') return { error: JSON.stringify(answer.errors) }
  const results = answer.results ?? [answer.result]
  return { result: answer.overallResult, ignored: results.flatMap((r) => r.ignoredContextKeys ?? []) }
}

for await (const line of createInterface({ input: process.stdin })) {
  let answer
  try {
    answer = await decide(JSON.parse(line))
  } catch (error) {
    answer = { error: String(error) }
  }
  if (!process.stdout.write(JSON.stringify(answer) + '\n')) {
    await new Promise((resolve) => process.stdout.once('drain', resolve))
  }
}
