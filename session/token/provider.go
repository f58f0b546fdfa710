package token

// The literals. Each returns data of its own, to be used as it is or changed: RoleNames in
// particular are the service's. They describe what the providers document; a claim that a
// provider was configured to write instead has to be said.
//
// Arguments are an administrator's choices: a scope or a client. They are part of Kind, so none
// of them may be empty, which is an error of the configuration.

// jwtTypes are the typ headers of providers that write JWT.
func jwtTypes() []string { return []string{"JWT"} }

// kind returns a Kind of one claim.
func kindOf(claim, text string) map[string]string { return map[string]string{claim: text} }

// Keycloak is for access tokens of a realm of Keycloak 26 whose users belong to one of its
// organizations, and, with Issuer.Tenant, for a realm of one customer:
//
//	{"typ": "JWT"}  {"typ": "Bearer", "aud": "billing", "azp": "spa", "sub": "f:…:bob", "sid": "…",
//	  "organization": ["acme"], "acr": "1", "auth_time": …, "realm_access": {"roles": ["editor"]}}
//
// The audience is not there by default: add an Audience mapper. Users of a federation have ':'
// in their ids. A token for several organizations at once is refused. roles maps realm roles
// to those of the service; nil means that the service is the authority of roles.
func Keycloak(roles map[string]string) *Foreign {
	return withRoles(&Foreign{
		Types: []string{"JWT", "at+jwt", "application/at+jwt"}, Kind: kindOf("typ", "Bearer"),
		Tenant: "organization", Session: "sid", AuthTime: "auth_time", ACR: "acr",
	}, "/realm_access/roles", roles)
}

// Auth0 is for access tokens of an API of Auth0 with Organizations:
//
//	{"typ": "JWT"}  {"iss": "https://acme.eu.auth0.com/", "aud": ["https://api", "…/userinfo"],
//	  "sub": "auth0|5f7c…", "azp": "…", "scope": "openid read:docs", "org_id": "org_9ybsU1dN2dKfDkBi"}
//
// scope is one that every access token for the API has; ID tokens have none. With the API's
// RFC 9068 profile typ is at+jwt, which is accepted too. Access tokens name no session: see
// [Foreign.Session].
func Auth0(scope string) *Foreign {
	return &Foreign{
		Types: []string{"JWT", "at+jwt", "application/at+jwt"}, Kind: kindOf("scope", scope),
		Tenant: "org_id", Machine: kindOf("gty", "client-credentials"),
	}
}

// EntraID is for access tokens of Microsoft Entra ID for an API of one's own, of version 1 or 2:
//
//	{"typ": "JWT"}  {"iss": "https://login.microsoftonline.com/<tid>/v2.0", "aud": "<client id>", "oid": "…",
//	  "tid": "…", "scp": "access_as_user", "sid": "…", "roles": ["Editor"], "ver": "2.0"}
//
// scope is the one that the API exposes. As Issuer.Name there is the template
// https://login.microsoftonline.com/{tenant}/v2.0, of version 1
// https://sts.windows.net/{tenant}/; entries for both have one source of keys and SameAs. sid
// is an optional claim, and so is acrs, which is no acr. Tokens with many groups are longer than
// 8 KiB: set Issuer.MaxLength. Tokens that an application has for itself have no scp and are
// refused. roles maps app roles.
func EntraID(scope string, roles map[string]string) *Foreign {
	return withRoles(&Foreign{
		Types: jwtTypes(), Kind: kindOf("scp", scope), User: "oid", Tenant: "tid", Session: "sid",
	}, "roles", roles)
}

// Cognito is for access tokens of a user pool of Amazon Cognito, whose Issuer.Audience is the id
// of the app client, since they have no aud, and no typ:
//
//	{}  {"iss": "https://cognito-idp.eu-west-1.amazonaws.com/…", "sub": "…", "client_id": "…",
//	  "token_use": "access", "origin_jti": "…", "auth_time": …, "cognito:groups": ["editors"]}
//
// They name no tenant: set Issuer.Tenant, or Tenant to a claim that a Lambda of the pool adds.
// roles maps groups.
func Cognito(roles map[string]string) *Foreign {
	return withRoles(&Foreign{
		Types: []string{"", "JWT"}, Kind: kindOf("token_use", "access"), AudienceClaim: "client_id",
		Session: "origin_jti", AuthTime: "auth_time",
	}, "cognito:groups", roles)
}

// Okta is for access tokens of a custom authorization server of Okta:
//
//	{}  {"ver": 1, "iss": "https://acme.okta.com/oauth2/default", "aud": "api://default", "sub": "ann@acme.example",
//	  "uid": "00u1…", "cid": "0oa1…", "scp": ["openid", "docs"], "auth_time": …}
//
// scope is one that every access token has; ID tokens have none. Tokens name no tenant: set
// Issuer.Tenant, or Tenant to a claim that the server adds.
func Okta(scope string) *Foreign {
	return &Foreign{Types: []string{"", "JWT"}, Kind: kindOf("scp", scope), User: "uid", AuthTime: "auth_time"}
}

// Google is for ID tokens of Google, whose access tokens are opaque; Issuer.Audience is the
// client id, and the tenant the domain of a Workspace, so that nobody outside of one is
// accepted:
//
//	{"typ": "JWT"}  {"iss": "https://accounts.google.com", "aud": "<client id>", "azp": "<client id>",
//	  "sub": "1184…", "hd": "acme.example", "nonce": "…", "at_hash": "…"}
//
// hd has dots: set Issuer.Tenants, or EncodeTenants.
func Google() *Foreign {
	return &Foreign{Types: jwtTypes(), IDTokens: true, Tenant: "hd"}
}

// Firebase is for ID tokens of Firebase Authentication with Identity Platform's tenants;
// Issuer.Audience is the id of the project:
//
//	{"typ": "JWT"}  {"iss": "https://securetoken.google.com/<project>", "aud": "<project>", "sub": "…",
//	  "auth_time": …, "firebase": {"sign_in_provider": "password", "tenant": "acme-x1Yz"}}
//
// Users may sign in anonymously where the project allows it: name a Kind for
// /firebase/sign_in_provider, or do not allow it. Without Identity Platform set Issuer.Tenant and
// leave Tenant empty.
func Firebase() *Foreign {
	return &Foreign{Types: jwtTypes(), IDTokens: true, Tenant: "/firebase/tenant", AuthTime: "auth_time"}
}

// Supabase is for access tokens of Supabase Auth; Issuer.Audience is "authenticated":
//
//	{"typ": "JWT"}  {"iss": "https://<ref>.supabase.co/auth/v1", "aud": "authenticated", "role": "authenticated",
//	  "sub": "…", "session_id": "…", "aal": "aal1", "app_metadata": {"tenant": "acme"}}
//
// The tenant is a member of app_metadata, which users cannot change; user_metadata they can.
func Supabase() *Foreign {
	return &Foreign{
		Types: jwtTypes(), Kind: kindOf("role", "authenticated"), Tenant: "/app_metadata/tenant", Session: "session_id", ACR: "aal",
	}
}

// Clerk is for session tokens of Clerk, version 2; Issuer.Audience is the origin of the front
// end, since they have no aud:
//
//	{"typ": "JWT", "cat": "cl_B7d4PD111AAA"}  {"iss": "https://clerk.acme.example", "azp": "https://app.acme.example",
//	  "sub": "user_2x…", "sid": "sess_2x…", "sts": "active", "v": 2, "o": {"id": "org_2x…", "rol": "admin"}}
//
// Tokens of a template have another cat, and those of a session that waits for a task another
// sts. roles maps roles of the organization. For version 1 change Tenant to org_id and Roles to
// org_role.
func Clerk(roles map[string]string) *Foreign {
	return withRoles(&Foreign{
		Types: jwtTypes(), Kind: map[string]string{"header:cat": "cl_B7d4PD111AAA", "sts": "active"}, AudienceClaim: "azp",
		Tenant: "/o/id", Session: "sid",
	}, "/o/rol", roles)
}

// WorkOS is for session tokens of WorkOS AuthKit, which have neither aud nor a claim that says
// what they are. The issuer has the client in its name and signs nothing else, so the name
// stands for both; issuer is Issuer.Name and Issuer.Audience:
//
//	{}  {"iss": "https://api.workos.com/user_management/client_…", "sub": "user_01H…", "sid": "session_01H…",
//	  "org_id": "org_01H…", "role": "member", "jti": "…"}
//
// It is not for an issuer that is "https://api.workos.com", nor for tokens of Connect: name the
// claim of a JWT template in Kind and an aud for these. roles maps the role.
func WorkOS(issuer string, roles map[string]string) *Foreign {
	return withRoles(&Foreign{
		Types: []string{"", "JWT"}, Kind: kindOf("iss", issuer), AudienceClaim: "iss", Tenant: "org_id", Session: "sid",
	}, "role", roles)
}

// Zitadel is for JWT access tokens of Zitadel, for an API in the audience, with the scope
// urn:zitadel:iam:user:resourceowner:
//
//	{"typ": "JWT"}  {"iss": "https://acme.zitadel.cloud", "aud": ["…"], "sub": "2837…", "jti": "…",
//	  "urn:zitadel:iam:user:resourceowner:id": "2839…", "kind": "access",
//	  "urn:zitadel:iam:org:project:roles": {"editor": {"2839…": "acme.example"}}}
//
// Its access and ID tokens have one audience and one typ. claim and text are those of a claim
// that an action of the project adds to access tokens alone ("kind" and "access" here). roles
// maps roles of the project.
func Zitadel(claim, text string, roles map[string]string) *Foreign {
	return withRoles(&Foreign{
		Types: jwtTypes(), Kind: kindOf(claim, text), Tenant: "urn:zitadel:iam:user:resourceowner:id",
	}, "urn:zitadel:iam:org:project:roles", roles)
}

// Hydra is for JWT access tokens of Ory Hydra, whose consent app writes the tenant into the
// session's access_token:
//
//	{"typ": "JWT"}  {"iss": "https://id.acme.example/", "aud": ["billing"], "sub": "ann", "client_id": "…", "scp": ["docs"],
//	  "jti": "…", "ext": {"tenant": "acme"}}
//
// scope is one that every access token has; ID tokens have none.
func Hydra(scope string) *Foreign {
	return &Foreign{Types: jwtTypes(), Kind: kindOf("scp", scope), Tenant: "/ext/tenant"}
}

// SuperTokens is for access tokens of SuperTokens; they have no aud, so Issuer.Audience is the
// issuer's name, which is the service's own API domain:
//
//	{"typ": "JWT", "version": "5"}  {"iss": "https://api.acme.example/auth", "sub": "…", "tId": "acme",
//	  "sessionHandle": "…", "iat": …, "exp": …}
//
// version is that of the format, "5" today: other JWTs of the same keys have none.
func SuperTokens(version string) *Foreign {
	return &Foreign{Types: jwtTypes(), Kind: kindOf("header:version", version), AudienceClaim: "iss", Tenant: "tId", Session: "sessionHandle"}
}

// Kubernetes is for projected tokens of service accounts, which speak for machines. issuer is
// that of the cluster, which signs nothing else:
//
//	{}  {"iss": "https://kubernetes.default.svc.cluster.local", "aud": ["billing"], "sub": "system:serviceaccount:prod:worker",
//	  "kubernetes.io": {"namespace": "prod", "serviceaccount": {"name": "worker", "uid": "…"}}}
//
// The tenant is the namespace. Set Issuer.Tenants, since users who may create namespaces make
// tenants otherwise, or Issuer.Tenant with an empty Tenant.
func Kubernetes(issuer string) *Foreign {
	return &Foreign{
		Types: []string{"", "JWT"}, Kind: kindOf("iss", issuer), Machine: kindOf("iss", issuer), Tenant: "/kubernetes.io/namespace",
	}
}

// GitHubActions is for OIDC tokens of workflows of one owner's repositories. Everybody on GitHub
// can have one for any audience: the owner keeps others out.
//
//	{"typ": "JWT"}  {"iss": "https://token.actions.githubusercontent.com", "aud": "https://api.acme.example",
//	  "sub": "repo:acme/app:ref:refs/heads/main", "repository_owner": "acme", "repository_owner_id": "1234", "jti": "…"}
//
// ownerID is the repository_owner_id, a number as text, which nobody takes over with a name.
// Tokens name no tenant: set Issuer.Tenant.
func GitHubActions(ownerID string) *Foreign {
	return &Foreign{Types: jwtTypes(), Kind: kindOf("repository_owner_id", ownerID), Machine: kindOf("repository_owner_id", ownerID)}
}

// CloudflareAccess is for the tokens that Cloudflare Access adds to requests of users, in the
// header Cf-Access-Jwt-Assertion, which is Issuer.Header; Issuer.Audience is the application's
// AUD tag:
//
//	{}  {"iss": "https://acme.cloudflareaccess.com", "aud": ["…"], "type": "app", "sub": "…", "email": "…",
//	  "identity_nonce": "…", "country": "…"}
//
// Tokens of service tokens, whose sub is empty, are refused. Tokens name no tenant: set
// Issuer.Tenant. They may live for up to a month: set Issuer.MaxLifetime.
func CloudflareAccess() *Foreign {
	return &Foreign{Types: []string{"", "JWT"}, Kind: kindOf("type", "app")}
}

// IAP is for the tokens that Google's Identity-Aware Proxy adds to requests, in the header
// x-goog-iap-jwt-assertion, which is Issuer.Header; Issuer.Name is https://cloud.google.com/iap,
// which signs nothing else, and Issuer.Audience names the backend:
//
//	{"typ": "JWT", "alg": "ES256"}  {"iss": "https://cloud.google.com/iap", "aud": "/projects/…/global/backendServices/…",
//	  "sub": "accounts.google.com:1184…", "email": "…", "hd": "acme.example"}
//
// hd has dots: set Issuer.Tenants, or EncodeTenants. A token lives for 10 minutes and names no
// session.
func IAP() *Foreign {
	return &Foreign{Types: []string{"", "JWT"}, Kind: kindOf("iss", "https://cloud.google.com/iap"), Tenant: "hd"}
}

// withRoles makes a token the authority of roles, where the service has names for them.
func withRoles(f *Foreign, path string, names map[string]string) *Foreign {
	if names != nil {
		f.Roles, f.RoleNames = path, names
	}
	return f
}
