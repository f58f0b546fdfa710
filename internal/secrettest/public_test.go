package secrettest

// public are the fields that hold bytes, or text with the name of a secret, and may be shown,
// each with its reason.
var public = map[string]string{
	"authz/forwardauth.Answer.Body":                    "a problem document, for the client",
	"authz/insecureedge.NodeConfig.Keys":               "public keys",
	"authz/policy/condition.Relation.Key":              "the name of a column",
	"authz/policy/casbinindex.Plan.Keys":               "names of positions in a rule",
	"authz/policy/redispolicy.FollowerConfig.Keys":     "public halves",
	"authz/policy/redispolicy.ReaderConfig.Keys":       "public halves",
	"authz/policy/redispolicy.Publisher.trusted":       "public halves",
	"authz/policy/redispolicy.PublisherConfig.Trusted": "public halves",
	"session/cachestore.Store.count.hitsOf._":          "padding",
	"tenant/redisscope.Mismatch.Key":                   "the name of an entry in Redis",
	"session.Digest":                                   "a digest of 256 random bits leads back to none",
	"session.RefreshOutcome.Salt":                      "of no use without the key and the token",
	"session.RefreshStep.Salt":                         "of no use without the key and the token",
	"session/memstore.Replay.ends":                     "digests of proofs that were used",
	"session/memstore.Replay.queue.key":                "digests of proofs that were used",
	"session/token.DPoPProof.tokenID":                  "the jti of a proof that was used",
	"session/token.DPoPProof.nextNonce":                "public, see ProofVerifier.Nonce",
	"session/token.DPoPRequest.Token":                  "the token of one request, in a type that redacts itself",
	"tenant/tenanttest.Service.Tenants.Secrets":        "canaries in rows of tests",
	"tenant/tenanttest.Tenant.Secrets":                 "canaries in rows of tests",
	"tenant/job.Job.Payload":                           "signed and not encrypted: whoever reads the queue reads it",
	"tenant/job.New.Payload":                           "signed and not encrypted: whoever reads the queue reads it",
}
