// openid-client, unmodified. It reads a command in JSON from each line, and answers with a line.
import { createInterface } from 'node:readline';
import * as client from 'openid-client';

const configs = new Map();
const browsers = new Map(); // name of a browser → its cookies
const held = new Map(); // name of a sign-in → its tokens

async function configOf({ issuer, client_id }) {
  if (!configs.has(issuer)) {
    configs.set(issuer, await client.discovery(new URL(issuer), client_id, undefined, client.None(), { execute: [client.allowInsecureRequests] }));
  }
  return configs.get(issuer);
}

// browse follows redirects, with the cookies of a browser, until a page or the client's own address.
async function browse(browser, url, stopAt, init = {}) {
  if (!browsers.has(browser)) browsers.set(browser, new Map());
  const cookies = browsers.get(browser);
  for (let i = 0; i < 20; i += 1) {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const res = await fetch(url, { ...init, redirect: 'manual', headers: { ...init.headers, cookie } });
    for (const line of res.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
      if (value === '' || /expires=Thu, 01 Jan 1970/i.test(line)) cookies.delete(name);
      else cookies.set(name, value);
    }
    const to = res.headers.get('location');
    if (!to) return { page: await res.text(), status: res.status, url };
    url = new URL(to, url).href;
    if (stopAt && url.startsWith(stopAt)) return { url };
    init = {};
  }
  throw new Error(`redirects without end: ${url}`);
}

const commands = {
  async signIn({ name, browser, user, acr, dpop, redirect_uri, parameters, ...of }) {
    const config = await configOf(of);
    const verifier = client.randomPKCECodeVerifier();
    const state = client.randomState();
    const nonce = client.randomNonce();
    const handle = dpop ? client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256')) : undefined;
    const url = client.buildAuthorizationUrl(config, {
      redirect_uri, state, nonce, login_hint: user, code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
      ...(acr ? { acr_values: acr, prompt: 'login' } : {}), ...parameters,
    });
    const back = await browse(browser, url.href, redirect_uri);
    if (back.page !== undefined) throw new Error(`the provider shows ${back.status} ${back.url} ${back.page.slice(0, 300)}`);
    const tokens = await client.authorizationCodeGrant(config, new URL(back.url), { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce }, undefined, { DPoP: handle });
    held.set(name, { config, tokens, handle, browser });
    return { token_type: tokens.token_type };
  },

  async refresh({ name }) {
    const of = held.get(name);
    const tokens = await client.refreshTokenGrant(of.config, of.tokens.refresh_token, undefined, { DPoP: of.handle });
    const changed = tokens.access_token !== of.tokens.access_token;
    of.tokens = { ...of.tokens, ...tokens };
    return { changed };
  },

  // call asks the API; as says what is done otherwise than the client would.
  async call({ name, url, method = 'GET', as }) {
    const { config, tokens, handle } = held.get(name);
    let res;
    if (as === 'bearer' || as === 'id_token') {
      const text = as === 'bearer' ? tokens.access_token : tokens.id_token;
      res = await fetch(url, { method, headers: { authorization: `Bearer ${text}` } });
    } else {
      const other = as === 'another key' ? client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256')) : handle;
      try {
        res = await client.fetchProtectedResource(config, tokens.access_token, new URL(url), method, undefined, undefined, { DPoP: other });
      } catch (err) { // a challenge that the client has understood
        if (!(err instanceof client.WWWAuthenticateChallengeError)) throw err;
        res = err.response;
        const challenges = err.cause.map(({ parameters }) => parameters);
        return { status: res.status, error: challenges[0].error, acr_values: challenges[0].acr_values };
      }
    }
    return { status: res.status, retry_after: res.headers.get('retry-after') ?? '', body: await res.text() };
  },

  // signOut is the logout that the client begins (RP-initiated), with the page of the provider that asks.
  async signOut({ name }) {
    const { config, tokens, browser } = held.get(name);
    const res = await browse(browser, client.buildEndSessionUrl(config, { id_token_hint: tokens.id_token }).href);
    const action = /action="([^"]+)"/.exec(res.page)?.[1];
    const xsrf = /name="xsrf" value="([^"]+)"/.exec(res.page)?.[1];
    if (!xsrf) return { status: res.status };
    const done = await browse(browser, action, undefined, {
      method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: new URLSearchParams({ xsrf, logout: 'yes' }).toString(),
    });
    return { status: done.status };
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { do: what, ...args } = JSON.parse(line);
  try {
    console.log(JSON.stringify(await commands[what](args)));
  } catch (err) {
    console.log(JSON.stringify({ failed: `${what}: ${err.message} ${err.code ?? ''} ${err.cause ? JSON.stringify(err.cause.error ?? String(err.cause)) : ''}` }));
  }
}
