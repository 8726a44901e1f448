ALTER TABLE `signing_keys` ADD `active_from` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
CREATE INDEX `access_tokens_by_principal` ON `access_tokens` (`organization_id`,`principal`,`id`);--> statement-breakpoint
CREATE INDEX `runner_managers_by_id` ON `runner_managers` (`organization_id`,`id`);--> statement-breakpoint
CREATE INDEX `users_by_id` ON `users` (`organization_id`,`id`);