-- Written by drizzle-kit. By hand: what the form of those who wait has said of a free trial.
ALTER TABLE `arrivals` ADD `fields` text DEFAULT '{}' NOT NULL;--> statement-breakpoint
UPDATE `arrivals` SET `fields` = '{"offerType":"free-trial"}' WHERE `free_trial`;--> statement-breakpoint
ALTER TABLE `arrivals` DROP COLUMN `free_trial`;--> statement-breakpoint
ALTER TABLE `arrivals` ADD `sent_on_at` integer;--> statement-breakpoint
CREATE INDEX `arrivals_lost` ON `arrivals` (`error_code`) WHERE "arrivals"."token" IS NULL AND "arrivals"."agreement_id" IS NULL;--> statement-breakpoint
ALTER TABLE `agreements` ADD `returned_at` integer;--> statement-breakpoint
ALTER TABLE `agreements` ADD `former_customer` text;--> statement-breakpoint
CREATE INDEX `agreements_former_customer` ON `agreements` (`product_id`,`former_customer`);--> statement-breakpoint
ALTER TABLE `agreements` ADD `former_until` integer;--> statement-breakpoint
ALTER TABLE `allowances` ADD `awaited` integer DEFAULT false NOT NULL;
