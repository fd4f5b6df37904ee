import { z } from "zod";

/** Requests of STS (2011-06-15) as its model constrains them; every parameter arrives as text. */

const role = {
  RoleArn: z
    .string()
    .min(20)
    .max(2048)
    .regex(/^arn:aws[a-z-]*:iam::\d{12}:role\/.+$/),
  RoleSessionName: z
    .string()
    .min(2)
    .max(64)
    .regex(/^[\w+=,.@-]*$/),
  DurationSeconds: z.coerce.number().int().min(900).max(43_200).optional(),
  Policy: z.string().min(1).optional(),
};

export const assumeRoleInput = z.object({
  ...role,
  ExternalId: z
    .string()
    .min(2)
    .max(1224)
    .regex(/^[\w+=,.@:/-]*$/)
    .optional(),
});

export const assumeRoleWithWebIdentityInput = z.object({
  ...role,
  WebIdentityToken: z.string().min(4).max(20_000),
});

export type AssumeRoleInput = z.output<typeof assumeRoleInput>;
export type AssumeRoleWithWebIdentityInput = z.output<typeof assumeRoleWithWebIdentityInput>;
export type RoleInput = Pick<AssumeRoleInput, "RoleArn" | "RoleSessionName" | "DurationSeconds" | "Policy">;
