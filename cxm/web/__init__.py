"""What every page needs: view decorators, forms, template tags, navigation, palette, policies, static files."""
