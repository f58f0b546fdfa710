// node-oidc-provider, unmodified, with one client and a login page without a form: the user is
// the login_hint. Its parameters are in the environment; it prints "ready" when it listens.
import { createServer } from 'node:http';
import { generateKeyPairSync } from 'node:crypto';
import Provider from 'oidc-provider';

const { PORT, LOGOUT_URI, REDIRECT_URI, AUDIENCE, TENANT } = process.env;
const issuer = `http://127.0.0.1:${PORT}`;
const key = { ...generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' }), alg: 'ES256', use: 'sig', kid: 'k1' };

const provider = new Provider(issuer, {
  jwks: { keys: [key] },
  cookies: { keys: ['of the test'] },
  acrValues: ['pwd', 'phr'],
  clients: [{
    client_id: 'spa',
    application_type: 'native',
    token_endpoint_auth_method: 'none',
    id_token_signed_response_alg: 'ES256',
    redirect_uris: [REDIRECT_URI],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    backchannel_logout_uri: LOGOUT_URI,
    backchannel_logout_session_required: true,
  }],
  findAccount: (ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
  issueRefreshToken: () => true,
  features: {
    devInteractions: { enabled: false },
    backchannelLogout: { enabled: true },
    dPoP: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => AUDIENCE,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({ scope: 'docs', audience: AUDIENCE, accessTokenFormat: 'jwt', jwt: { sign: { alg: 'ES256' } } }),
    },
  },
  // It posts logout tokens to public addresses alone, and the service is on this machine.
  fetch: (url, options) => fetch(url, { ...options, dispatcher: undefined }),
  extraTokenClaims(ctx) {
    const of = ctx.oidc.entities.AuthorizationCode ?? ctx.oidc.entities.RefreshToken;
    return { tenant: TENANT, sid: of.sid, auth_time: of.authTime, acr: of.acr };
  },
});

async function interact(req, res) {
  const { prompt, params, session, grantId } = await provider.interactionDetails(req, res);
  if (prompt.name === 'login') {
    const acr = params.acr_values?.split(' ')[0] ?? 'pwd';
    return provider.interactionFinished(req, res, { login: { accountId: params.login_hint, acr } });
  }
  const grant = grantId ? await provider.Grant.find(grantId) : new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  grant.addOIDCScope('openid');
  grant.addResourceScope(AUDIENCE, 'docs');
  return provider.interactionFinished(req, res, { consent: { grantId: await grant.save() } }, { mergeWithLastSubmission: true });
}

const handle = provider.callback();
createServer((req, res) => {
  if (!req.url.startsWith('/interaction/')) {
    handle(req, res);
    return;
  }
  interact(req, res).catch((err) => {
    console.error(err);
    res.writeHead(500).end();
  });
}).listen(Number(PORT), '127.0.0.1', () => console.log('ready'));

for (const event of ['server_error', 'grant.error', 'authorization.error', 'backchannel.error']) {
  provider.on(event, (...args) => console.error(event, args.find((a) => a instanceof Error)));
}
