CREATE TABLE `server_key` (
	`digest` blob PRIMARY KEY NOT NULL
);
