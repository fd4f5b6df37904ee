import type { CredentialProvider, CredentialsOutcome } from "./credentials.ts";
import { failure } from "./outcome.ts";
import type { Outcome } from "./outcome.ts";
import type { RefreshOptions } from "./refreshing-credentials.ts";
import { refreshingCredentials } from "./refreshing-credentials.ts";
import type { AssumeRoleRequest, AssumeRoleResponse, RoleRequest, StsClient } from "./sts.ts";

type Renewal = Omit<RefreshOptions, "obtain">;

function asCredentials(outcome: Outcome<AssumeRoleResponse>): CredentialsOutcome {
  if (!outcome.ok) return outcome;
  const { AccessKeyId, SecretAccessKey, SessionToken, Expiration } = outcome.value.Credentials;
  return {
    ok: true,
    value: {
      accessKeyId: AccessKeyId,
      secretAccessKey: SecretAccessKey,
      sessionToken: SessionToken,
      expiresAt: Expiration * 1000,
    },
    requestId: outcome.requestId,
  };
}

/** Sessions of a role that the STS client's own credentials may assume, each renewed before it ends. */
export function roleCredentials(
  options: Renewal & { readonly sts: StsClient; readonly request: AssumeRoleRequest },
): CredentialProvider {
  const { sts, request } = options;
  return refreshingCredentials({
    ...options,
    obtain: async () => asCredentials(await sts.assumeRole(request)),
  });
}

/**
 * Sessions of a role that trusts an identity provider: no AWS key is kept anywhere.
 *
 * @param options.token gives a fresh token each time; when it rejects, the outcome is `credentials-unavailable`, without
 *   the reason's text, which could hold a key
 */
export function webIdentityCredentials(
  options: Renewal & {
    readonly sts: StsClient;
    readonly request: RoleRequest;
    readonly token: () => Promise<string>;
  },
): CredentialProvider {
  const { sts, request, token } = options;
  async function obtain(): Promise<CredentialsOutcome> {
    let WebIdentityToken: string;
    try {
      WebIdentityToken = await token();
    } catch {
      const what = "the web identity token could not be made";
      return failure("credentials-unavailable", { where: "AssumeRoleWithWebIdentity", what });
    }
    return asCredentials(await sts.assumeRoleWithWebIdentity({ ...request, WebIdentityToken }));
  }
  return refreshingCredentials({ ...options, obtain });
}
