-- Written by drizzle-kit. By hand: the term that an allowance is of, or that AWS knows of none.
ALTER TABLE `agreements` ADD `entitlements_urgent` integer DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE `allowances` ADD `terms` text DEFAULT '[]' NOT NULL;--> statement-breakpoint
ALTER TABLE `allowances` ADD `begun` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `allowances` ADD `unknown_since` integer;--> statement-breakpoint
ALTER TABLE `allowances` ADD `missing_since` integer;--> statement-breakpoint
ALTER TABLE `allowances` ADD `assumed_nothing` integer DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE `allowances` ADD `version` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
UPDATE `allowances` SET
  terms = json_array(json_object('since', since, 'until', until, 'quantity', quantity, 'per', per, 'began', since)),
  begun = since,
  unknown_since = iif(awaited, 0, NULL),
  told_at = NULL;
--> statement-breakpoint
UPDATE `allowances` SET terms = '[]', unknown_since = since, assumed_nothing = NOT awaited WHERE quantity = '0' AND until IS NULL;
--> statement-breakpoint
ALTER TABLE `allowances` DROP COLUMN `quantity`;--> statement-breakpoint
ALTER TABLE `allowances` DROP COLUMN `per`;--> statement-breakpoint
ALTER TABLE `allowances` DROP COLUMN `since`;--> statement-breakpoint
ALTER TABLE `allowances` DROP COLUMN `until`;--> statement-breakpoint
ALTER TABLE `allowances` DROP COLUMN `awaited`;
