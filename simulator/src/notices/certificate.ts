import { base64, textBytes } from "../wire/encodings.ts";

/**
 * The key and the certificate with which the simulated SNS signs. Both are public, here, and secure nothing: they let a
 * seller's program go through the same checks as with AWS's. The certificate holds from 2020 to 2120, so that a simulated
 * time of either side finds it valid.
 */

/** PKCS #8, in base64. */
const privateKey = `
MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQDLwPSY6qIjEQYlI/HVd59Xerha/eJH8tcfIdkgyMSgt1MAyy96
xOsgoNXMvfKhhsMcNqjVCHV99FNj/Eq2nAliGcPu/JAUdLyCaqPw7a4ctMmOEryw4hOjd1j4BSbbgvz5sgtJalJdzesykbGfXWg7
eAUZW1UY+mj9q2K4cCZzULhl+/pqfJIc3c9tb9O3aho/lc6PIlN1/KexSy2UsL2E0YR/ZOhxKKhzlqL9n17ICQruiH7mSYfg449y
Hz+EqC6M0b+LobX2lQa1EIWiIcfcY79cPn1OkR10esz9rlWN5C1a7krAolrencSQ6y6j4xNutC53EHWIIlRF+5mUIqyfAgMBAAEC
ggEAGc8rzJDwD8wQwLSgZf9cljqrzo7ZUm7O1Bk4BUCZM5h1MaULMxxtgjkNS/2FlfNZlKHR2gZTx6wiwggLuLzkLWKBIK0qXQT6
efSjJpoc03MNEuuJrkg835h3Exen9+dMPx7P8jE/FLXIRKQS4VJ2KQ5HaxJYIa1ajkNe4mkGXdXSYPXbSDCXwrzFc3YvvGUhKXRw
d9SZ1qmoPdkAwqUDu/7WJPyjpRhcgjTEIHgaMopKTkuAuYgkZ8CXoUG6lYby4vm1xSbvT3VJoYz0zbe4g8y4v46PioQUKtDQY8b3
Y/uMZpRTYsRuMBQ/2BljLO9JuOPbkXEtDWQPZJ7XEFDidQKBgQDmh+W8ip7a/HroKzVI6eEI5tf9MD9Yioj+OUveADDvS1vkxZ8A
uqkO8Et1lGorD/mOcjIuaaS3HrHbqPdT4SPNxWA+8OqMY1LX64MFHx1IJbhtmv3R4TalQNzCvW4Qsrc6cSvaGkLDwFWUC09eRx7i
H0rSK76J4LQOdsnBMOHA2wKBgQDiQ7iUb0vqbjBqgzsDm4FXVJc2GBDE4j8xxYv9VMOy3vqrV3AgL2HmT/Sm09pw9V3Nuan9/qUI
hD23nUM/Zte8OxzsEBvRcbBFXZY/vz44Vr2uiYjbn9DVtIEnc5m1dkLBOr9/AISY2Ewrg/OhqfxAOu7MBpcmzIJ+WErZWrKcjQKB
gD0p2T5I2RTo4AMxU5Xg15/w/2Vho6zuNKKeuQ5RpqoWqG7uL92VqL0Z7CtqETETr/anPcEqrlUXg8Dv9479sO4ra/nHGbPdtmEr
TzvQoYg+2cvaz3Ub98+ogen5MHaltA+Bb00SopwlL49z4L72x67e9o8EpC0YvS0JP0ZOndb5AoGACXBlzNtvwVHjdy4OUjI0jR4c
SMdsO6pslHj3RBQ7LcUbk/ZL2Svg26jOPf9sh3XU+fYa31u2KsrJgFVxLr3tlg6pQDfT0UL65Ynn8LTbtaH4u8VFDlR2c9PZ53lt
GiLa2hDHWFb/MRkk5FPW4BGlUlCjEaPcvmOdtgOc68Ba3ykCgYEAldYNCpMkVoHievGGXggvo8cxqU4ANbF4BJBr9V7Zoq6iAOvY
6ACzuvcrDT8uI292Fc03NM+1q6wQVQi9eGMdX22euMstzAqbhU9r7p/2nm90y8ZnIUw0U416qdcZB6iB/YITteCMvr4MQNQyjJtP
h7CupjGNIPuZE4pLmNJE6jE=
`;

/** As SNS serves it at the SigningCertURL: X.509, self-signed for sns.amazonaws.com. */
export const certificatePem = `-----BEGIN CERTIFICATE-----
MIIDJTCCAg2gAwIBAgIUMovhnwBQybGqhleVPT+R1v+q5WMwDQYJKoZIhvcNAQEL
BQAwHDEaMBgGA1UEAwwRc25zLmFtYXpvbmF3cy5jb20wIBcNMjAwMTAxMDAwMDAw
WhgPMjEyMDAxMDEwMDAwMDBaMBwxGjAYBgNVBAMMEXNucy5hbWF6b25hd3MuY29t
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAy8D0mOqiIxEGJSPx1Xef
V3q4Wv3iR/LXHyHZIMjEoLdTAMsvesTrIKDVzL3yoYbDHDao1Qh1ffRTY/xKtpwJ
YhnD7vyQFHS8gmqj8O2uHLTJjhK8sOITo3dY+AUm24L8+bILSWpSXc3rMpGxn11o
O3gFGVtVGPpo/atiuHAmc1C4Zfv6anySHN3PbW/Tt2oaP5XOjyJTdfynsUstlLC9
hNGEf2TocSioc5ai/Z9eyAkK7oh+5kmH4OOPch8/hKgujNG/i6G19pUGtRCFoiHH
3GO/XD59TpEddHrM/a5VjeQtWu5KwKJa3p3EkOsuo+MTbrQudxB1iCJURfuZlCKs
nwIDAQABo10wWzAMBgNVHRMBAf8EAjAAMA4GA1UdDwEB/wQEAwIHgDAcBgNVHREE
FTATghFzbnMuYW1hem9uYXdzLmNvbTAdBgNVHQ4EFgQUdkOOvCSIzLZ/GTPnnhFt
hD1KGDswDQYJKoZIhvcNAQELBQADggEBABCbdB3uTZHOFMISoleMAigVs9ItzRpi
EaXSAOFU4mwK1bKOzw2ko+sChBxGYG63V3Mfs+DqW4gFrV3IqWdbwxkfw4zhdI77
aAzl18qjrdeNiDLv2w/UvB9TN4bH3v5/R9J+IVUm3YZ0t+KSIbp7QJZ1VwnyydhN
Lzq37FCpglhdBS/9K+W4uUR9q12+zzdKgapZiFr/7gJp2/w2c4BNQgihvgApBNc3
awYlZ71pez7VRJUoqVx8NPr5brPYBy9TutaMwSFog9tos2UGWgOEDS7ISLHnS86T
kepbUlnKH/D60UVep2dDmVJJspVS8PxVMhDtZEtt5U5IDw7Ruo7lGiI=
-----END CERTIFICATE-----
`;

export type SignatureVersion = "1" | "2";

/** Amazon SNS Developer Guide, "Verifying the signatures of Amazon SNS messages". */
const hashes = { "1": "SHA-1", "2": "SHA-256" } as const satisfies Record<SignatureVersion, string>;

/** The signature of a text as SNS makes it: RSASSA-PKCS1-v1_5, in base64. */
export async function signText(text: string, version: SignatureVersion): Promise<string> {
  const algorithm = { name: "RSASSA-PKCS1-v1_5", hash: hashes[version] };
  const bytes = Uint8Array.from(atob(privateKey), (character) => character.charCodeAt(0));
  const key = await crypto.subtle.importKey("pkcs8", bytes, algorithm, false, ["sign"]);
  return base64(new Uint8Array(await crypto.subtle.sign(algorithm.name, key, textBytes(text))));
}
