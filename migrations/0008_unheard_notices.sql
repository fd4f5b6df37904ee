CREATE TABLE `incidents` (
	`kind` text NOT NULL,
	`subject` text NOT NULL,
	`detail` text NOT NULL,
	`count` integer NOT NULL,
	`happened_at` integer NOT NULL,
	PRIMARY KEY(`kind`, `subject`)
);
--> statement-breakpoint
DROP INDEX `notices_unknown_aws_agreement`;--> statement-breakpoint
CREATE INDEX `notices_aws_agreement` ON `notices` (`aws_agreement_id`) WHERE "notices"."aws_agreement_id" IS NOT NULL;