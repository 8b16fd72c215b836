// A real OpenID Connect provider (oidc-provider) for tests: node server.mjs PORT. It prints "ready" and serves
//   /…                 the provider: discovery, keys, authorization, tokens; people sign in by its own test pages
//   POST /test/rotate  a new signing key; ?keep=1 publishes the old one beside it
//   GET /test/counts   how often discovery and keys were asked for
import { generateKeyPairSync, randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { Provider } from "oidc-provider";

const port = Number(process.argv[2]);
const issuer = `http://127.0.0.1:${port}`;
const RESOURCE = "https://wangge.example";

// Who there is, and what the provider says of them; the first letter of a name that it does not know.
const PEOPLE = {
  li: { centre: "command", post: "dispatcher", area: "110108", unit: null },
  two: { centre: ["command", "supervision"], post: "dispatcher", area: "110108" },
  renamed: { office: "supervision", job: "acceptor", place: "110108.012" },
};
const ALGORITHMS = { RS256: ["rsa", { modulusLength: 2048 }], ES256: ["ec", { namedCurve: "P-256" }], EdDSA: ["ed25519", {}] };
const counts = { discovery: 0, keys: 0 };

function newKeys() {
  return Object.entries(ALGORITHMS).map(([alg, [kind, options]]) => ({
    ...generateKeyPairSync(kind, options).privateKey.export({ format: "jwk" }),
    kid: randomUUID(),
    use: "sig",
    alg,
  }));
}

function provider(keys) {
  const client = (client_id, more) => ({
    client_id,
    client_secret: "a secret of the test client",
    redirect_uris: [],
    response_types: [],
    grant_types: ["client_credentials"],
    ...more,
  });
  const made = new Provider(issuer, {
    jwks: { keys },
    clients: [
      ...Object.keys(PEOPLE).map((name) => client(name)),
      client("console", {
        redirect_uris: ["https://wangge.example/signed-in"],
        response_types: ["code"],
        grant_types: ["authorization_code"],
      }),
    ],
    cookies: { keys: ["test"] },
    enabledJWA: { clientAuthSigningAlgValues: ["RS256"], idTokenSigningAlgValues: Object.keys(ALGORITHMS) },
    findAccount: (_, id) => ({ accountId: id, claims: async () => ({ sub: id }) }),
    extraTokenClaims: (_, token) => PEOPLE[token.accountId ?? token.clientId],
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => RESOURCE,
        useGrantedResource: () => true,
        getResourceServerInfo: (ctx) => ({
          scope: "",
          audience: ctx.oidc.body?.audience ?? "wangge",
          accessTokenFormat: "jwt",
          accessTokenTTL: 300,
          jwt: { sign: { alg: ctx.oidc.body?.alg ?? "RS256" } },
        }),
      },
    },
    extraParams: ["alg", "audience"],
  });
  made.on("server_error", (_, error) => console.error(error));
  return made.callback();
}

let keys = newKeys();
let answer = provider(keys);

createServer((request, response) => {
  const url = new URL(request.url, issuer);
  if (url.pathname === "/test/counts") {
    response.end(JSON.stringify(counts));
  } else if (url.pathname === "/test/rotate") {
    keys = url.searchParams.has("keep") ? [...newKeys(), ...keys] : newKeys();
    answer = provider(keys);
    response.end("{}");
  } else {
    if (url.pathname === "/.well-known/openid-configuration") counts.discovery += 1;
    if (url.pathname === "/jwks") counts.keys += 1;
    answer(request, response);
  }
}).listen(port, "127.0.0.1", () => console.log("ready"));
