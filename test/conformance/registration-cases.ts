import type { Case } from "./case.ts";
import { modernProduct, orderFault, setSwitches, setTime } from "./world.ts";

export const registrationCases: readonly Case[] = [
  {
    name: "a customer with a licence",
    operation: "ResolveCustomer",
    input: ({ modern }) => ({ RegistrationToken: modern.registrationToken }),
    value: ({ modern }) => ({
      ProductCode: modernProduct,
      CustomerAWSAccountId: modern.accountId,
      LicenseArn: modern.licenseArn,
    }),
  },
  {
    name: "a legacy customer",
    operation: "ResolveCustomer",
    input: ({ legacy }) => ({ RegistrationToken: legacy.registrationToken }),
    value: ({ legacy }) => ({
      CustomerIdentifier: legacy.customerIdentifier,
      CustomerAWSAccountId: legacy.accountId,
    }),
  },
  {
    name: "a token again, in another Region",
    operation: "ResolveCustomer",
    first: ({ modern }) => ({ RegistrationToken: modern.registrationToken }),
    input: ({ modern }) => ({ RegistrationToken: modern.registrationToken }),
    setting: { region: "eu-west-1" },
    value: ({ modern }) => ({ LicenseArn: modern.licenseArn }),
  },
  {
    name: "a token that AWS never gave",
    operation: "ResolveCustomer",
    input: () => ({ RegistrationToken: "made-up" }),
    error: { code: "InvalidTokenException", kind: "invalid-registration-token" },
  },
  {
    name: "a token still encoded as the form had it",
    operation: "ResolveCustomer",
    input: ({ modern }) => ({ RegistrationToken: encodeURIComponent(modern.registrationToken) }),
    error: { code: "InvalidTokenException", kind: "invalid-registration-token" },
  },
  {
    name: "a token of four hours ago",
    operation: "ResolveCustomer",
    given: (world) => setTime(world, "2026-11-23T14:00:00Z"),
    input: ({ modern }) => ({ RegistrationToken: modern.registrationToken }),
    error: { code: "ExpiredTokenException", kind: "expired-registration-token" },
  },
  {
    name: "a used token, where AWS takes it once",
    operation: "ResolveCustomer",
    given: (world) => setSwitches(world, { tokenSingleUse: true }),
    first: ({ modern }) => ({ RegistrationToken: modern.registrationToken }),
    input: ({ modern }) => ({ RegistrationToken: modern.registrationToken }),
    error: { code: "ExpiredTokenException", kind: "expired-registration-token" },
  },
  {
    name: "our own session expired, which is no fault of the customer's",
    operation: "ResolveCustomer",
    given: (world) => orderFault(world, { kind: "expired-session" }),
    input: ({ modern }) => ({ RegistrationToken: modern.registrationToken }),
    error: { code: "ExpiredTokenException", kind: "expired-credentials" },
  },
];
