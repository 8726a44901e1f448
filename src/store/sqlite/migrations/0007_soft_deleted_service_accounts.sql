DROP INDEX `service_accounts_name`;--> statement-breakpoint
ALTER TABLE `service_accounts` ADD `deleted_at` integer;--> statement-breakpoint
CREATE INDEX `service_accounts_deleted` ON `service_accounts` (`deleted_at`) WHERE deleted_at IS NOT NULL;--> statement-breakpoint
CREATE UNIQUE INDEX `service_accounts_name` ON `service_accounts` (`organization_id`,`name`) WHERE deleted_at IS NULL;