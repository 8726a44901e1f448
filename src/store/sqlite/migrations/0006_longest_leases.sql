CREATE TABLE `longest_leases` (
	`provider` integer PRIMARY KEY NOT NULL,
	`lease_ms` integer NOT NULL
);
