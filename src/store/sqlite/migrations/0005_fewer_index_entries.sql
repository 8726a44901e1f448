DROP INDEX `exchange_tokens_by_expiry`;--> statement-breakpoint
DROP INDEX `exchange_tokens_by_access_token`;--> statement-breakpoint
CREATE INDEX `exchange_tokens_by_access_token` ON `exchange_tokens` (`access_token_id`) WHERE access_token_id IS NOT NULL;