"""What is kept: clients, merchants, contracts, registrations, orders and decodes. SQLite or PostgreSQL."""
