"""What is in the data: decodes pictures, finds faces, makes vectors, counts people. Knows no law and no Airflow."""
