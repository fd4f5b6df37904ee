-- Written by drizzle-kit. By hand: the term that an allowance is of, or that AWS knows of none.
ALTER TABLE `agreements` ADD `entitlements_urgent` integer DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE `allowances` ADD `terms` text DEFAULT '[]' NOT NULL;--> statement-breakpoint
ALTER TABLE `allowances` ADD `accounted_until` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `allowances` ADD `gap` text DEFAULT '{"kind":"awaited","since":0,"emptySince":null,"began":null}' NOT NULL;--> statement-breakpoint
ALTER TABLE `allowances` ADD `version` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `entitlements` ADD `lack` text;--> statement-breakpoint
UPDATE `allowances` SET
  terms = json_array(json_object('since', since, 'until', until, 'quantity', quantity, 'per', per, 'began', since)),
  accounted_until = since,
  gap = iif(awaited, gap, json_object('kind', 'none')),
  told_at = NULL;
--> statement-breakpoint
UPDATE `allowances` SET terms = '[]', gap = iif(awaited, gap, json_object('kind', 'assumed_nothing', 'since', since, 'began', since))
WHERE quantity = '0' AND until IS NULL;
--> statement-breakpoint
ALTER TABLE `allowances` DROP COLUMN `quantity`;--> statement-breakpoint
ALTER TABLE `allowances` DROP COLUMN `per`;--> statement-breakpoint
ALTER TABLE `allowances` DROP COLUMN `since`;--> statement-breakpoint
ALTER TABLE `allowances` DROP COLUMN `until`;--> statement-breakpoint
ALTER TABLE `allowances` DROP COLUMN `awaited`;
